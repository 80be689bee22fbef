"""Every procedure of docs/operations.md, step by step, on real servers and a real service."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.operations.page import Procedure
from tests.operations.stage import Stage, staged

WRONG, UNREADABLE = "BBBBBBBBBBBBBBBBBBBBBBBBBBB2", "AAAAAAAAAAAAAAAAAAAAAAAAAAA1"
RIGHT = "ZIeffWuWCgGQl2LZEaMtRYLCABDF"


@pytest.fixture
def stage_of(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """`stage_of(SETTING="value", emulator_switch=value)`."""
    with ExitStack() as stack:

        def make(**given: Any) -> Stage:
            settings = {
                f"PLANNER_SYNC_{name}": value for name, value in given.items() if name.isupper()
            }
            switches = {name: value for name, value in given.items() if not name.isupper()}
            return stack.enter_context(staged(tmp_path, settings, **switches))

        yield make


def procedure(stage: Stage, heading: str) -> Procedure:
    return Procedure(heading, stage.console)


# -- Redis is gone ---------------------------------------------------------------------------------
@pytest.mark.contract("§6 Redis restarts or fails over")
def test_redis_is_gone_and_comes_back_with_its_data(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.start()
    stage.write("report-7", title="Write the report")
    stage.uploaded("report-7")
    stage.server.stop(keep=True)
    stage.until(lambda: stage.health() == (503, "unhealthy"))
    stage.human.create(title="Meanwhile")
    with (
        procedure(stage, "## Redis is gone") as gone,
        procedure(stage, "### It comes back with its data") as back,
    ):
        gone.follow()
        stage.server.start()
        stage.until(lambda: stage.in_sync() and back.prints())
        back.follow()
    assert stage.titles() == ["Meanwhile", "Write the report"]


@pytest.mark.contract("§6 Mapping or the whole Redis is lost")
def test_redis_is_gone_and_comes_back_empty(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.start()
    for task_id in ("report-7", "report-8"):
        stage.write(task_id, title=f"Task {task_id}", private=[1])
        stage.uploaded(task_id)
    copy = stage.document("report-7")
    cards = stage.emulator.cards().keys()
    stage.server.stop(keep=False)
    with procedure(stage, "### It comes back empty") as back:
        stage.stop()
        stage.server.start()
        stage.redis.set("annika:tasks:report-7", json.dumps(copy))
        stage.start()
        stage.until(lambda: stage.in_sync() and back.prints())
        back.follow()
    assert stage.emulator.cards().keys() == cards
    assert stage.document("report-7")["private"] == [1]
    other = stage.emulator.cards().keys() - {copy["plannerId"]}
    assert stage.documents().keys() == {
        "report-7",
        *(f"planner-{planner_id}" for planner_id in other),
    }


# -- the wrong plan --------------------------------------------------------------------------------
@pytest.mark.contract("§6 A plan answers 403/404, a page fails")
def test_a_plan_was_configured_that_cannot_be_read(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(PLAN_IDS=UNREADABLE)
    stage.start()
    with procedure(stage, "### One that cannot be read") as wrong:
        stage.until(wrong.prints)
        assert stage.health() == (200, "degraded")
        wrong.follow()
    stage.write("report-7", title="Write the report")
    stage.stop()
    stage.start(PLANNER_SYNC_PLAN_IDS=RIGHT)
    stage.uploaded("report-7")


def test_a_plan_was_configured_that_was_not_meant(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of(PLAN_IDS=WRONG, plans=[RIGHT, WRONG])
    stage.human.create(plan_id=WRONG, title="Not ours")
    stage.human.create(plan_id=RIGHT, title="Ours")
    stage.start()
    stage.write("report-7", title="Write the report")
    stage.until(lambda: stage.titles(WRONG) == ["Not ours", "Write the report"])
    stage.until(lambda: len([d for d in stage.documents().values() if "plannerId" in d]) == 2)

    with procedure(stage, "### One that is not meant") as wrong:
        stage.stop()
        stage.emulator.forget_requests()
        stage.start(PLANNER_SYNC_PLAN_IDS=RIGHT)
        stage.change("report-7", percentComplete=50)
        stage.until(wrong.prints)
        wrong.follow()
        for task_id, document in stage.documents().items():
            if document.get("planId") == WRONG:
                stage.redis.delete(f"annika:tasks:{task_id}")
        stage.delete("report-7")
        stage.until(wrong.prints)
        stage.write("report-7", title="Write the report")
        stage.until(lambda: stage.titles(RIGHT) == ["Ours", "Write the report"])
        wrong.follow()
    assert stage.titles(WRONG) == ["Not ours", "Write the report"]
    wrong_cards = stage.emulator.cards(WRONG).keys()
    paths = [call["path"] for call in stage.emulator.requests()]
    assert [
        path for path in paths if WRONG in path or any(card in path for card in wrong_cards)
    ] == []


# -- permission ------------------------------------------------------------------------------------
@pytest.mark.contract("§6 A plan answers 403/404, a page fails")
def test_permission_was_lost(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.start()
    for task_id in ("report-7", "report-8"):
        stage.write(task_id, title=task_id)
        stage.uploaded(task_id)
    stage.until_listed(2)
    stage.human.unreadable(plan_id=RIGHT)
    stage.human.edit(stage.document("report-8")["plannerId"], fields={"title": "Edited meanwhile"})
    stage.change("report-7", title="Written meanwhile")
    with procedure(stage, "## Permission was lost, for a day") as lost:
        stage.until(lost.prints)
        assert stage.health() == (200, "degraded")
        lost.follow()
        stage.human.readable(plan_id=RIGHT)
        lost.follow()
        stage.until(lambda: stage.titles() == ["Edited meanwhile", "Written meanwhile"])
        stage.until(
            lambda: stage.document("report-8")["title"] == "Edited meanwhile" and lost.prints()
        )
        lost.follow()


# -- half of the board -----------------------------------------------------------------------------
def half_of_the_board(stage: Stage, side: str) -> None:
    """Eight tasks that people made, of which six are deleted on one side, and held."""
    ids = [stage.human.create(title=f"Task {n}")["id"] for n in range(8)]
    stage.start()
    stage.until_listed(8)
    if side == "agents":
        stage.delete(*(f"planner-{planner_id}" for planner_id in ids[:6]))
    for planner_id in ids[:6] if side == "planner" else ():
        stage.human.delete(planner_id)
    stage.until(lambda: stage.console("planner-sync failed list").out.count(" held ") == 6)
    assert stage.health() == (200, "degraded")


@pytest.mark.parametrize("side", ["agents", "planner"])
def test_half_of_the_board_was_deleted_by_mistake(
    stage_of: Callable[..., Stage], side: str
) -> None:
    stage = stage_of(MAX_DELETE_COUNT="3")
    half_of_the_board(stage, side)
    with procedure(stage, "### By mistake") as mistake:
        mistake.follow()
        mistake.follow()
    stage.until(lambda: len(stage.titles()) == 8 and stage.in_sync())
    assert stage.titles() == [f"Task {n}" for n in range(8)]
    stage.until(lambda: stage.health() == (200, "healthy"))


@pytest.mark.parametrize("side", ["agents", "planner"])
def test_half_of_the_board_was_deleted_on_purpose(
    stage_of: Callable[..., Stage], side: str
) -> None:
    stage = stage_of(MAX_DELETE_COUNT="3")
    half_of_the_board(stage, side)
    with procedure(stage, "### On purpose") as purpose:
        purpose.follow()
    stage.until(lambda: len(stage.titles()) == 2 and stage.in_sync())


@pytest.mark.contract("§6 Human deletes the card")
def test_one_card_was_deleted_by_mistake(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    stage.start()
    stage.write(
        "report-7",
        title="Write the report",
        checklist=[{"title": "Figures", "isChecked": True}],
        private=[1],
    )
    planner_id = stage.uploaded("report-7")
    stage.until(lambda: stage.emulator.cards()[planner_id]["details"]["checklist"])
    with procedure(stage, "### One card, or a few") as few:
        stage.human.delete(planner_id)
        stage.until(few.prints)
        few.follow()
        few.follow()
        card = stage.emulator.cards()[stage.uploaded("report-7")]
        few.follow()
    (item,) = card["details"]["checklist"].values()
    assert (item["title"], item["isChecked"], stage.document("report-7")["private"]) == (
        "Figures",
        True,
        [1],
    )


# -- a refusal -------------------------------------------------------------------------------------
@pytest.mark.contract("§5 failed")
def test_a_task_is_refused(stage_of: Callable[..., Stage]) -> None:
    stage = stage_of()
    labels = {f"category{n}": f"Label {n}" for n in range(1, 26)}
    for category, name in labels.items():
        stage.human.rename_label(plan_id=RIGHT, category=category, name=name)
    stage.start()
    with procedure(stage, "## A task is refused") as refused:
        stage.write("report-7", title="Write the report", percentComplete=150)
        stage.until(refused.prints)
        refused.follow()
        stage.change("report-7", percentComplete=50)
        stage.uploaded("report-7")
        stage.until(refused.prints)
        refused.follow()
        stage.write("report-8", title="One label too many", labels=["Urgent"])
        stage.until(refused.prints)
        refused.follow()
        stage.human.rename_label(plan_id=RIGHT, category="category25", name=None)
        refused.follow()
        stage.uploaded("report-8")
    stage.until(lambda: stage.console("planner-sync failed list").out == "Nothing has failed.\n")
