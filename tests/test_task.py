"""The small rules about values: moments, priority words, people, links, ids."""

import pytest

from planner_sync.errors import Refusal
from planner_sync.model.task import (
    Day,
    Instant,
    Word,
    agent_of,
    canonical_instant,
    canonical_text,
    check_dates,
    check_task_id,
    parse_day,
    parse_word,
    person_kind,
    priority_word,
    show,
    url_trouble,
)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        pytest.param("2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z", id="UTC"),
        pytest.param("2026-01-31T10:00:00", "2026-01-31T10:00:00Z", id="no zone is UTC"),
        pytest.param(
            "2026-01-31T23:30:00-02:00", "2026-02-01T01:30:00Z", id="an offset is converted"
        ),
        pytest.param(
            "2026-01-31T10:00:00+0100", "2026-01-31T09:00:00Z", id="an offset without a colon"
        ),
        pytest.param("2026-01-31T10:00", "2026-01-31T10:00:00Z", id="no seconds"),
        pytest.param(
            "2024-01-13T08:21:11.5507897Z", "2024-01-13T08:21:11.5507897Z", id="seven digits"
        ),
        pytest.param(
            "2024-01-13T08:21:11.123456789Z",
            "2024-01-13T08:21:11.1234567Z",
            id="no more than seven digits",
        ),
        pytest.param("2024-01-13T08:21:11.5000Z", "2024-01-13T08:21:11.5Z", id="no trailing zeros"),
        pytest.param("2024-01-13T08:21:11.000Z", "2024-01-13T08:21:11Z", id="no empty fraction"),
        pytest.param("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", id="four digits of a year"),
    ],
)
def test_an_instant_has_one_canonical_form(written, canonical):
    assert canonical_instant(written) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31",
        "tomorrow",
        "2026-02-30T10:00:00Z",
        "2026-01-31T25:00:00Z",
        "2026-01-31T10:00:00+99:00",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٦-01-31T10:00:00Z",
        "2026-01-31T10:00:00Z\n",
        "",
    ],
)
def test_what_is_no_instant_has_no_canonical_form(text):
    assert canonical_instant(text) is None


@pytest.mark.parametrize(
    "text", ["2026-02-30", "20260131", "2026-W05-6", "2026-1-31", "2026-01-31\n"]
)
def test_only_yyyy_mm_dd_is_a_day(text):
    assert parse_day(text) is None


@pytest.mark.contract("§4 startDate, dueDate")
def test_a_day_is_sent_as_ten_o_clock_and_equals_every_instant_of_it():
    day = Day("2026-01-31")

    assert day.at == "2026-01-31T10:00:00Z"
    assert day.holds("2026-01-31T22:00:00Z")
    assert not day.holds("2026-02-01T00:00:00Z")


def test_an_instant_equals_itself_only():
    assert Instant("2026-01-31T10:00:00Z").holds("2026-01-31T10:00:00Z")
    assert not Instant("2026-01-31T10:00:00Z").holds("2026-01-31T10:00:00.5Z")


@pytest.mark.contract("§4 priority")
@pytest.mark.parametrize(
    ("word", "low", "high", "write"),
    [
        ("urgent", 0, 1, 1),
        ("critical", 0, 1, 1),
        ("important", 2, 4, 3),
        ("high", 2, 4, 3),
        ("medium", 5, 7, 5),
        ("normal", 5, 7, 5),
        ("low", 8, 10, 9),
    ],
)
def test_a_priority_word_stands_for_a_range_and_is_written_as_one_of_it(word, low, high, write):
    assert (Word(word).low, Word(word).high, Word(word).write) == (low, high, write)
    assert [n for n in range(11) if Word(word).holds(n)] == list(range(low, high + 1))


@pytest.mark.contract("§4 priority")
def test_every_integer_has_a_word():
    words = [priority_word(n).word for n in range(11)]

    assert words == ["urgent"] * 2 + ["important"] * 3 + ["medium"] * 3 + ["low"] * 3


def test_a_priority_word_is_read_in_any_case():
    assert parse_word(" High ") == Word("high")
    assert parse_word("soon") is None


@pytest.mark.contract("§4 assignedTo")
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("fbab97d0-4932-4511-b675-204639209557", "user"),
        ("FBAB97D0-4932-4511-B675-204639209557", "user"),
        ("ann@contoso.com", "email"),
        ("writer-agent", "agent"),
        ("fbab97d0-4932-4511-b675", "agent"),
    ],
)
def test_whatever_is_neither_a_guid_nor_has_an_at_sign_is_an_agent(text, kind):
    assert person_kind(text) == kind


@pytest.mark.contract("§4 assignedTo")
@pytest.mark.parametrize(
    ("label", "agent"),
    [
        pytest.param("Agent: writer", "writer", id="an agent"),
        pytest.param("Agent: ann@contoso.com", None, id="an e-mail is an ordinary label"),
        pytest.param(
            "Agent: fbab97d0-4932-4511-b675-204639209557", None, id="a GUID is an ordinary label"
        ),
        pytest.param("Agent: ", None, id="no name is an ordinary label"),
        pytest.param("Agents", None, id="another word is an ordinary label"),
    ],
)
def test_a_label_names_an_agent_only_with_a_name_that_could_be_one(label, agent):
    assert agent_of(label) == agent


def test_line_ends_have_one_canonical_form():
    assert canonical_text("a\r\nb\rc\n") == "a\nb\nc\n"


@pytest.mark.parametrize(
    ("start", "due"),
    [
        pytest.param("2026-01-31T10:00:00Z", "2026-01-30T10:00:00Z", id="a day"),
        pytest.param("2026-01-31T10:00:00.5Z", "2026-01-31T10:00:00Z", id="half a second"),
    ],
)
def test_a_start_after_the_due_date_is_refused_with_both_named(start, due):
    with pytest.raises(Refusal, match=f'startDate: "{start}" is after dueDate "{due}"') as refused:
        check_dates(start, due)
    assert refused.value.code == "bad_field"


@pytest.mark.parametrize(
    ("start", "due"),
    [
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z"),
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00.5Z"),
        (None, "2026-01-31T10:00:00Z"),
        ("2026-01-31T10:00:00Z", None),
    ],
)
def test_a_start_that_is_not_after_the_due_date_is_fine(start, due):
    check_dates(start, due)


@pytest.mark.contract("§4 id")
@pytest.mark.parametrize("task_id", ["a", "7", "report-7", "Task-CV1@x+~=._", "x" * 128])
def test_an_id_of_the_allowed_characters_is_fine(task_id):
    check_task_id(task_id)


@pytest.mark.contract("§4 id")
@pytest.mark.parametrize(
    "task_id", ["", "-a", "a b", "a:b", "a*", "a\n", "é", "{a}", "x" * 129, "x') or redis.call("]
)
def test_an_id_of_other_characters_is_refused(task_id):
    with pytest.raises(Refusal, match="id: ") as refused:
        check_task_id(task_id)
    assert refused.value.code == "bad_id"


@pytest.mark.parametrize(
    ("url", "trouble"),
    [
        ("https://contoso.com/a?b=c#d", None),
        ("HTTP://contoso.com", None),
        ("javascript:alert(1)", "is not an http or https URL"),
        ("data:text/html,x", "is not an http or https URL"),
        ("file:///etc/passwd", "is not an http or https URL"),
        ("contoso.com", "is not an http or https URL"),
        ("https://", "is not an http or https URL"),
        ("http://[", "is not a URL"),
        ("https://contoso.com/a b", "has a space or a control character in it"),
        ("https://contoso.com/\x1b[2J", "has a space or a control character in it"),
        ("https://contoso.com/" + "x" * 2048, "is longer than 2048 characters"),
    ],
)
def test_only_a_web_address_can_be_a_reference(url, trouble):
    assert url_trouble(url) == trouble


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("a\nb", '"a\\nb"', id="a control character is escaped"),
        pytest.param(
            "a\u202eb\x9b", '"a\\u202eb\\x9b"', id="so is what turns or steers a terminal"
        ),
        pytest.param("\ud800", '"\\ud800"', id="half a character can be printed"),
        pytest.param({"a": None}, '{"a": null}', id="objects are shown as JSON"),
        pytest.param("x" * 100, '"' + "x" * 59 + "…", id="no more than 60 characters"),
    ],
)
def test_a_value_is_shown_short_and_harmless(value, shown):
    assert show(value) == shown
