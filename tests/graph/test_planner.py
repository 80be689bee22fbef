"""Planner's entities against the emulator over HTTP: what it receives, and what comes back."""

from typing import Any

import pytest

from planner_sync.errors import (
    AnswerLost,
    CardChanged,
    LimitReached,
    NotFound,
    Rejected,
)
from planner_sync.graph.planner import Planner
from planner_sync.identity.tokens import ReadyToken
from tests.emulator_process import emulator_in_loop
from tests.graph.board import Board, board_with
from tests.graph.connect import graph_at


# -- reading ---------------------------------------------------------------------------------------
async def test_a_listing_has_every_card_over_all_pages() -> None:
    async with board_with(page_size=3) as board:
        made = {(await board.card(title=str(n)))["id"] for n in range(10)}

        cards = await board.planner.list_cards(board.plan)

        assert {card["id"] for card in cards} == made
        assert all(card["@odata.etag"] for card in cards)
        assert sum(row["method"] == "GET" for row in board.emulator.requests()) == 4


async def test_a_listing_can_bring_the_details_along(board: Board) -> None:
    card = await board.card()

    [listed] = await board.planner.list_cards(board.plan, expand=True)

    assert listed["details"]["id"] == card["id"]


async def test_a_listing_without_the_details_asked_for_is_a_listing() -> None:
    async with board_with(expand_details="ignore") as board:
        await board.card()

        [listed] = await board.planner.list_cards(board.plan, expand=True)

        assert "details" not in listed


async def test_a_refused_expand_is_rejected() -> None:
    async with board_with(expand_details="reject") as board:
        with pytest.raises(Rejected):
            await board.planner.list_cards(board.plan, expand=True)
        assert await board.planner.list_cards(board.plan) == []


async def test_plan_labels_and_buckets_are_read(board: Board) -> None:
    assert (await board.planner.read_plan(board.plan))["id"] == board.plan
    assert "categoryDescriptions" in await board.planner.read_plan_details(board.plan)
    names = {
        bucket["name"]: bucket["id"] for bucket in await board.planner.list_buckets(board.plan)
    }
    assert names == board.emulator.bucket_ids()


async def test_task_and_details_have_etags_of_their_own(board: Board) -> None:
    card = await board.card()

    task, details = (
        await board.planner.read_task(card["id"]),
        await board.planner.read_details(card["id"]),
    )

    assert task["id"] == details["id"]
    assert task["@odata.etag"] != details["@odata.etag"]


async def test_a_card_that_does_not_exist_is_not_found(board: Board) -> None:
    with pytest.raises(NotFound):
        await board.planner.read_task("x" * 28)


async def test_a_person_is_found_by_e_mail_and_by_id(board: Board) -> None:
    ann = board.emulator.user_ids()["ann@contoso.example"]

    assert await board.planner.find_user("ann@contoso.example") == ann
    assert await board.planner.find_user(ann) == ann


@pytest.mark.parametrize(
    "nobody", ["bob@contoso.example", "a/b@c", "a?b#c@d", "..", ".", "", "%2e%2e", "ä@ö"]
)
async def test_nobody_is_found_under_an_unknown_address(board: Board, nobody: str) -> None:
    assert await board.planner.find_user(nobody) is None
    assert all(row["path"].startswith("/users/") for row in board.emulator.requests())


@pytest.mark.parametrize("odd", ["", ".", "..", "a/b", "a?b", "a b", "ä", "x" * 65, "a\n"])
async def test_an_id_that_planner_cannot_have_made_never_leaves(board: Board, odd: str) -> None:
    for call in (board.planner.read_task, board.planner.read_details, board.planner.read_plan):
        with pytest.raises(Rejected):
            await call(odd)
    assert board.emulator.requests() == []


# -- writing ---------------------------------------------------------------------------------------
async def test_a_new_card_comes_back_with_id_and_etag(board: Board) -> None:
    card = await board.card(title="Write the report")

    assert board.emulator.cards()[card["id"]]["title"] == "Write the report"
    assert card["@odata.etag"]


async def test_a_change_comes_back_with_the_new_etag(board: Board) -> None:
    card = await board.card()

    changed = await board.planner.update_task(
        card["id"], {"percentComplete": 50}, card["@odata.etag"]
    )

    assert changed["percentComplete"] == 50
    assert changed["@odata.etag"] != card["@odata.etag"]
    assert changed == await board.planner.read_task(card["id"]) | {
        "@odata.context": changed["@odata.context"]
    }


async def test_a_204_is_followed_by_a_read() -> None:
    async with board_with(prefer="ignore") as board:
        card = await board.card()

        changed = await board.planner.update_task(card["id"], {"title": "New"}, card["@odata.etag"])

        assert changed["title"] == "New"
        assert [row["method"] for row in board.emulator.requests()] == ["POST", "PATCH", "GET"]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "throttle", "retry_after": "60"}, id="throttled"),
        pytest.param({"kind": "status", "status": 404}, id="not found"),
        pytest.param({"kind": "drop_before"}, id="connection cut"),
    ],
)
async def test_a_change_that_cannot_be_read_back_was_made_all_the_same(
    fault: dict[str, Any],
) -> None:
    """Throttled or NotFound would say that it was not."""
    async with board_with(prefer="ignore") as board:
        card = await board.card()
        board.emulator.faults.add(method="GET", **fault)

        with pytest.raises(AnswerLost, match="done, but reading it back failed"):
            await board.planner.update_task(card["id"], {"title": "New"}, card["@odata.etag"])


async def test_the_details_are_changed_under_their_own_etag(board: Board) -> None:
    card = await board.card()
    details = await board.planner.read_details(card["id"])

    with pytest.raises(CardChanged):
        await board.planner.update_details(card["id"], {"description": "Text"}, card["@odata.etag"])
    changed = await board.planner.update_details(
        card["id"], {"description": "Text"}, details["@odata.etag"]
    )

    assert changed["description"] == "Text"


async def test_the_same_field_under_an_old_etag_is_a_changed_card(board: Board) -> None:
    card = await board.card()
    board.emulator.human.edit(card["id"], fields={"title": "Human's"})

    with pytest.raises(CardChanged) as refused:
        await board.planner.update_task(card["id"], {"title": "Agent's"}, card["@odata.etag"])
    assert refused.value.status == 409


async def test_an_old_etag_is_accepted_for_another_field_and_the_answer_shows_the_humans_change(
    board: Board,
) -> None:
    card = await board.card()
    board.emulator.human.edit(card["id"], fields={"title": "Human's"})

    changed = await board.planner.update_task(
        card["id"], {"percentComplete": 50}, card["@odata.etag"]
    )

    assert (changed["title"], changed["percentComplete"]) == ("Human's", 50)


async def test_a_deleted_card_is_gone_and_deleting_it_again_is_not_found(board: Board) -> None:
    card = await board.card()

    await board.planner.delete_task(card["id"], card["@odata.etag"])

    assert board.emulator.cards() == {}
    with pytest.raises(NotFound):
        await board.planner.delete_task(card["id"], card["@odata.etag"])


async def test_buckets_and_label_names_are_made(board: Board) -> None:
    bucket = await board.planner.create_bucket(
        {"planId": board.plan, "name": "Later", "orderHint": " !"}
    )
    details = await board.planner.read_plan_details(board.plan)
    labels = {"categoryDescriptions": {"category3": "Urgent"}}

    changed = await board.planner.update_plan_details(board.plan, labels, details["@odata.etag"])

    assert board.emulator.bucket_ids()["Later"] == bucket["id"]
    assert changed["categoryDescriptions"]["category3"] == "Urgent"


async def test_a_limit_of_planner_is_told_by_its_name() -> None:
    async with board_with(max_active_tasks=1) as board:
        await board.card()

        with pytest.raises(LimitReached) as limit:
            await board.card()
        assert limit.value.code == "MaximumActiveTasksInProject"


async def test_a_plan_outside_the_allow_list_is_neither_read_nor_written() -> None:
    ours, foreign = "o" * 28, "f" * 28
    async with emulator_in_loop(plans=[ours, foreign]) as emulator:
        async with graph_at(
            emulator.url, tokens=ReadyToken(emulator.token), plan_ids=(ours,)
        ) as graph:
            planner = Planner(graph)
            for call in (
                planner.list_cards(foreign),
                planner.list_buckets(foreign),
                planner.read_plan(foreign),
                planner.read_plan_details(foreign),
                planner.create_task({"planId": foreign, "title": "a"}),
                planner.create_bucket({"planId": foreign, "name": "a"}),
                planner.update_plan_details(foreign, {}, "e"),
            ):
                with pytest.raises(Rejected, match="allow-list"):
                    await call
        assert emulator.requests() == []
