"""What a status means for the caller, and what the reply to a batch says about each item."""

from typing import Any

import pytest

from planner_sync.errors import (
    AnswerLost,
    CardChanged,
    Forbidden,
    GraphError,
    LimitReached,
    NotFound,
    NotSent,
    Rejected,
    Throttled,
    Unauthorized,
)
from planner_sync.graph.answers import (
    GraphAnswer,
    GraphRequest,
    Method,
    NoAnswer,
    read_answer,
    translate,
)
from planner_sync.graph.batch import LOST, pack, unpack

JSON = {"content-type": "application/json; charset=utf-8"}


def envelope(code: str = "", message: str = "") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "innerError": {"request-id": "r-1"}}}


@pytest.mark.parametrize(
    ("method", "status", "json"),
    [
        pytest.param("GET", 200, {"id": "a"}, id="read"),
        pytest.param("POST", 201, {"id": "a"}, id="created"),
        pytest.param("POST", 200, {"id": "a"}, id="created, as another page of the manual has it"),
        pytest.param("PATCH", 200, {"id": "a"}, id="changed, with the representation"),
        pytest.param("PATCH", 204, None, id="changed"),
        pytest.param("DELETE", 204, None, id="deleted"),
    ],
)
def test_a_success_is_no_error(method: Method, status: int, json: dict[str, Any] | None) -> None:
    assert translate(GraphRequest(method, "/x"), GraphAnswer(status, {}, json)) is None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        pytest.param(400, "", Rejected, id="400 schema"),
        pytest.param(400, "BadRequest", Rejected, id="400 BadRequest"),
        pytest.param(401, "InvalidAuthenticationToken", Unauthorized, id="401"),
        pytest.param(403, "", Forbidden, id="403 no right, or no such item"),
        pytest.param(403, "Authorization_RequestDenied", Forbidden, id="403 no consent"),
        pytest.param(403, "MaximumActiveTasksInProject", LimitReached, id="403 a limit"),
        pytest.param(404, "", NotFound, id="404"),
        pytest.param(405, "", Rejected, id="405"),
        pytest.param(408, "", AnswerLost, id="408"),
        pytest.param(409, "", CardChanged, id="409"),
        pytest.param(410, "", NotFound, id="410"),
        pytest.param(412, "", CardChanged, id="412"),
        pytest.param(413, "", Rejected, id="413"),
        pytest.param(423, "", AnswerLost, id="423"),
        pytest.param(424, "FailedDependency", NotSent, id="424"),
        pytest.param(429, "TooManyRequests", Throttled, id="429"),
        pytest.param(500, "InternalServerError", AnswerLost, id="500"),
        pytest.param(502, "UnknownError", AnswerLost, id="502"),
        pytest.param(503, "ServiceUnavailable", AnswerLost, id="503"),
        pytest.param(504, "UnknownError", AnswerLost, id="504"),
        pytest.param(301, "", AnswerLost, id="301"),
        pytest.param(304, "", AnswerLost, id="304"),
        pytest.param(202, "", AnswerLost, id="202"),
    ],
)
def test_each_status_has_one_class(status: int, code: str, kind: type[GraphError]) -> None:
    error = translate(GraphRequest("PATCH", "/x"), GraphAnswer(status, {}, envelope(code)))

    assert type(error) is kind
    assert (error.status, error.code, error.request_id) == (status, code, "r-1")


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 412])
def test_a_refusal_that_is_not_graphs_own_proves_nothing(status: int) -> None:
    """A proxy's "404 not found" must not delete a task."""
    assert type(translate(GraphRequest("GET", "/x"), GraphAnswer(status, {}, None))) is AnswerLost
    assert (
        type(translate(GraphRequest("GET", "/x"), GraphAnswer(status, {}, {"message": "no route"})))
        is AnswerLost
    )


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        pytest.param(200, {"content-type": "text/html"}, b"<html>", id="a page"),
        pytest.param(200, {"content-type": "text/html"}, b"{}", id="JSON that says it is a page"),
        pytest.param(200, {}, b"{}", id="no content type"),
        pytest.param(200, JSON, b'{"value": [', id="truncated"),
        pytest.param(200, JSON, b"[]", id="no object"),
        pytest.param(200, JSON, b"", id="empty"),
        pytest.param(200, JSON, b"\xff\xfe", id="no text"),
        pytest.param(200, JSON, b"[" * 100_000, id="bottomless"),
        pytest.param(204, {}, b"", id="204 to a read"),
    ],
)
def test_a_success_that_cannot_be_read_is_a_lost_answer(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    assert (
        type(translate(GraphRequest("GET", "/x"), read_answer(status, headers, body))) is AnswerLost
    )


def test_an_error_names_the_request_the_status_the_code_and_the_request_id() -> None:
    answer = GraphAnswer(
        403,
        {"request-id": "r-2"},
        envelope("MaximumTasksInProject", "The request exceeded\nallowed limits."),
    )

    assert str(translate(GraphRequest("POST", "/planner/tasks?$secret=1"), answer)) == (
        "POST /planner/tasks: 403 MaximumTasksInProject "
        "“The request exceeded allowed limits.” (request-id r-2)"
    )


def test_an_error_has_no_e_mail_address() -> None:
    error = translate(
        GraphRequest("GET", "/users/ann@contoso.example?$select=id"),
        GraphAnswer(404, {}, envelope()),
    )

    assert str(error) == "GET /users/…: 404 (request-id r-1)"


@pytest.mark.parametrize(
    "error", ["a text", None, ["a list"], {"innerError": "a text"}, {"code": None}, {"code": 7}]
)
def test_an_odd_envelope_breaks_nothing(error: object) -> None:
    assert isinstance(
        translate(GraphRequest("GET", "/x"), GraphAnswer(404, {}, {"error": error})), GraphError
    )


def test_a_throttle_has_the_length_of_the_pause() -> None:
    error = translate(
        GraphRequest("GET", "/x"), GraphAnswer(429, {}, envelope()), remaining_pause=30.0
    )

    assert error is not None
    assert error.retry_after == 30.0


@pytest.mark.parametrize("kind", [NotSent, AnswerLost, Unauthorized])
def test_no_answer_is_the_error_that_says_what_can_have_happened(kind: type[GraphError]) -> None:
    error = translate(GraphRequest("GET", "/x"), NoAnswer(kind, "why", request_id="r-3"))

    assert type(error) is kind
    assert str(error) == "GET /x: why"
    assert error.request_id == "r-3"


# -- $batch ----------------------------------------------------------------------------------------
def test_a_batch_has_each_request_with_its_own_headers() -> None:
    batch = pack(
        [GraphRequest("GET", "/a?$select=id"), GraphRequest("PATCH", "/b", {"x": 1}, 'W/"e"')]
    )

    assert (batch.method, batch.path) == ("POST", "/$batch")
    assert batch.json == {
        "requests": [
            {"id": "1", "method": "GET", "url": "/a?$select=id"},
            {
                "id": "2",
                "method": "PATCH",
                "url": "/b",
                "headers": {
                    "Content-Type": "application/json",
                    "Prefer": "return=representation",
                    "If-Match": 'W/"e"',
                },
                "body": {"x": 1},
            },
        ]
    }


def reply(*items: object, **headers: str) -> GraphAnswer:
    return GraphAnswer(200, headers, {"responses": list(items)})


def test_the_items_of_a_reply_are_matched_by_id() -> None:
    outcomes = unpack(
        reply(
            {"id": "2", "status": 404, "body": envelope()},
            {"id": "1", "status": 200, "body": {"id": "a"}},
        ),
        2,
    )

    assert [outcome.status for outcome in outcomes if isinstance(outcome, GraphAnswer)] == [
        200,
        404,
    ]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(), id="missing"),
        pytest.param(reply({"id": "1", "status": 201}, {"id": "1", "status": 404}), id="twice"),
        pytest.param(reply({"id": "2", "status": 201}), id="another id"),
        pytest.param(reply({"id": "1"}), id="no status"),
        pytest.param(reply({"id": "1", "status": "201"}), id="status is text"),
        pytest.param(reply({"id": "1", "status": True}), id="status is a boolean"),
        pytest.param(reply({"id": "1", "status": 201, "headers": "x"}), id="headers are text"),
        pytest.param(reply("1"), id="no object"),
        pytest.param(GraphAnswer(200, {}, {"responses": {"1": 201}}), id="no list"),
        pytest.param(GraphAnswer(200, {}, {}), id="no responses"),
    ],
)
def test_an_item_that_the_reply_does_not_tell_of_is_a_lost_answer(answer: GraphAnswer) -> None:
    assert unpack(answer, 1) == [LOST]


def test_an_item_counts_its_retry_after_from_the_date_of_the_whole_reply() -> None:
    [outcome] = unpack(
        reply({"id": "1", "status": 429, "headers": {"Retry-After": "x"}}, date="now"), 1
    )

    assert isinstance(outcome, GraphAnswer)
    assert outcome.headers == {"date": "now", "retry-after": "x"}


def test_a_body_in_base64_is_no_json() -> None:
    [outcome] = unpack(reply({"id": "1", "status": 200, "body": "PGh0bWw+"}), 1)

    assert type(translate(GraphRequest("GET", "/x"), outcome)) is AnswerLost
