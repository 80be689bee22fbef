"""The emulator over HTTP: tokens, cut connections, late answers, and what only this machine may
ask."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.emulator_process import Emulator, emulator_in_loop


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with emulator_in_loop() as emulator:
        yield emulator


@pytest.fixture
async def client(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        base_url=emulator.url, headers=emulator.headers, timeout=5
    ) as client:
        yield client


def new(emulator: Emulator) -> dict[str, str]:
    return {"planId": emulator.plan_id, "title": "Task"}


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        pytest.param(None, "Access token is empty.", id="none"),
        pytest.param("Bearer", "Access token is empty.", id="empty"),
        pytest.param("Basic dTpw", "Access token is empty.", id="another scheme"),
        pytest.param("Bearer wrong", "Access token has expired or is not yet valid.", id="wrong"),
    ],
)
async def test_without_a_good_token_every_call_is_401(
    emulator: Emulator, authorization: str | None, message: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with httpx.AsyncClient(base_url=emulator.url, headers=headers) as client:
        for path in (f"/planner/plans/{emulator.plan_id}", "/$batch", "/nowhere"):
            response = await client.get(path)
            error = response.json()["error"]
            assert (response.status_code, error["code"], error["message"]) == (
                401,
                "InvalidAuthenticationToken",
                message,
            )
    assert len(emulator.requests()) == 3


async def test_a_token_expires_and_the_next_one_is_good(
    emulator: Emulator, client: httpx.AsyncClient
) -> None:
    emulator.accept_token("second")
    assert (await client.get(f"/planner/plans/{emulator.plan_id}")).status_code == 401

    response = await client.get(f"/planner/plans/{emulator.plan_id}", headers=emulator.headers)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("kind", "done"),
    [("drop_before", 0), ("drop_after", 1), ("cut", 1)],
    ids=["before", "after", "halfway"],
)
async def test_a_cut_connection_reaches_the_client_as_one(
    emulator: Emulator, client: httpx.AsyncClient, kind: str, done: int
) -> None:
    emulator.faults.add(kind, method="POST")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post("/planner/tasks", json=new(emulator))

    assert len(emulator.cards()) == done
    assert (await client.post("/planner/tasks", json=new(emulator))).status_code == 201


async def test_half_of_the_json_arrives_as_a_whole_answer(
    emulator: Emulator, client: httpx.AsyncClient
) -> None:
    emulator.faults.add("truncate")
    response = await client.get(f"/planner/plans/{emulator.plan_id}")

    with pytest.raises(json.JSONDecodeError):
        response.json()


async def test_a_slow_answer_is_late_but_done(
    emulator: Emulator, client: httpx.AsyncClient
) -> None:
    emulator.faults.add("slow", delay_ms=150)
    began = time.monotonic()
    await client.post("/planner/tasks", json=new(emulator))

    assert time.monotonic() - began >= 0.15


async def test_a_client_that_gave_up_on_a_slow_answer_finds_it_done(
    emulator: Emulator, client: httpx.AsyncClient
) -> None:
    emulator.faults.add("slow", delay_ms=300)
    with pytest.raises(httpx.ReadTimeout):
        await client.post("/planner/tasks", json=new(emulator), timeout=0.05)

    assert len(emulator.cards()) == 1


async def test_calls_under_way_at_once_are_counted(
    emulator: Emulator, client: httpx.AsyncClient
) -> None:
    emulator.faults.add("slow", delay_ms=50, times=None)
    await asyncio.gather(*(client.get(f"/planner/plans/{emulator.plan_id}") for _ in range(3)))
    assert emulator.most_in_flight() == 3

    emulator.forget_requests()
    assert (emulator.requests(), emulator.most_in_flight()) == ([], 0)


async def test_a_next_link_leads_back_to_the_emulator() -> None:
    async with (
        emulator_in_loop(page_size=1) as emulator,
        httpx.AsyncClient(headers=emulator.headers) as client,
    ):
        for title in ("One", "Two"):
            emulator.human.create(title=title)
        first = (
            await client.get(
                f"{emulator.url}/planner/plans/{emulator.plan_id}/tasks?$expand=details"
            )
        ).json()
        second = (await client.get(first["@odata.nextLink"])).json()

        assert [row["title"] for row in first["value"] + second["value"]] == ["Two", "One"]


async def test_a_batch_is_one_round_trip(emulator: Emulator, client: httpx.AsyncClient) -> None:
    items = [
        {"id": str(number), "method": "GET", "url": f"/planner/plans/{emulator.plan_id}"}
        for number in range(3)
    ]
    assert (await client.post("/$batch", json={"requests": items})).status_code == 200

    assert len(emulator.requests(items=False)) == 1
    assert sorted(row["item"] for row in emulator.requests() if row["item"]) == ["0", "1", "2"]


async def test_the_state_is_sent_only_when_it_changed(
    emulator: Emulator, client: httpx.AsyncClient
) -> None:
    address = f"{emulator.page}_emulator/state"
    revision = (await client.get(address)).json()["revision"]
    assert (await client.get(address, params={"known": revision})).status_code == 204

    emulator.human.create(title="New")
    assert (await client.get(address, params={"known": revision})).status_code == 200


async def test_a_page_of_another_site_may_not_act_for_people(
    emulator: Emulator, client: httpx.AsyncClient
) -> None:
    address = f"{emulator.page}_emulator/human/create"
    body = {"plan_id": emulator.plan_id, "title": "Forged"}

    assert (
        await client.post(address, json=body, headers={"Origin": "https://example.com"})
    ).status_code == 403
    assert (
        await client.post(address, json=body, headers={"Origin": emulator.page.rstrip("/")})
    ).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        pytest.param("GET", "nowhere", b"", 404, id="no such address"),
        pytest.param("POST", "faults", b"{", 400, id="no JSON"),
        pytest.param("POST", "faults", b'{"kind": "meteor"}', 400, id="no such fault"),
        pytest.param("POST", "human/create", b"{}", 400, id="a field is missing"),
    ],
)
async def test_a_wrong_call_to_the_emulator_itself_is_told_so(
    emulator: Emulator,
    client: httpx.AsyncClient,
    method: str,
    path: str,
    content: bytes,
    status: int,
) -> None:
    response = await client.request(method, f"{emulator.page}_emulator/{path}", content=content)

    assert response.status_code == status
    assert response.json()["error"]["message"]
