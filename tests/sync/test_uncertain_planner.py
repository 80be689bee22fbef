"""What nobody knows about the real Planner must not matter: the same story holds under every switch
of the emulator."""

from typing import Any

import pytest

from tests.sync.world import World

SWITCHES: list[Any] = [
    pytest.param({}, id="as documented"),
    pytest.param({"expand_details": "ignore"}, id="expand is ignored"),
    pytest.param({"expand_details": "reject"}, id="expand is refused"),
    pytest.param(
        {"expand_details": "ignore", "details_bump": "never"},
        id="details never move the task's etag",
    ),
    pytest.param({"details_bump": "always"}, id="details always move the task's etag"),
    pytest.param({"strict_etags": "on"}, id="every stale etag is refused"),
    pytest.param({"prefer": "ignore"}, id="Prefer is ignored"),
    pytest.param({"if_match_missing": "400"}, id="a missing If-Match is 400"),
    pytest.param({"details_404_reads": 2}, id="details are not there at once"),
    pytest.param({"list_lag_ms": 700}, id="the listing lags"),
    pytest.param({"page_size": 2}, id="small pages"),
    pytest.param({"deep_insert": "reject"}, id="no deep insert"),
    pytest.param({"human_newlines": "crlf"}, id="other line ends"),
    pytest.param({"batch_order": "random"}, id="batches answer in another order"),
    pytest.param({"latency_ms": "5-40"}, id="slow"),
]


@pytest.mark.contract("§6 Both change different fields")
@pytest.mark.parametrize("switches", SWITCHES)
async def test_the_story_of_one_task(make_world: Any, switches: dict[str, Any]) -> None:
    world: World = await make_world(POLL_SECONDS="60", **switches)
    service = await world.start()
    for n in range(5):
        await world.write(
            f"t{n}",
            "created",
            title=f"Task {n}",
            description="first",
            checklist=[{"title": "step"}],
        )
    ids = [await world.until_uploaded(f"t{n}") for n in range(5)]
    await world.until(lambda: all(_details(world, pid)["description"] == "first" for pid in ids))

    world.human.edit(ids[0], fields={"description": "by a human", "percentComplete": 50})
    await world.change("t0", title="by an agent", labels=["category2"])

    async def both() -> bool:
        card, document = world.cards()[ids[0]], await world.document("t0")
        return (
            (card["title"], sorted(card["appliedCategories"])) == ("by an agent", ["category2"])
            and _text(card["details"]["description"]) == "by a human"
            and (document["title"], document.get("percentComplete")) == ("by an agent", 50)
            and _text(document["description"]) == "by a human"
        )

    await world.until(both, "both edits on both sides", service)

    (item,) = _details(world, ids[1])["checklist"]
    world.human.edit(ids[1], fields={"checklist": {item: {"isChecked": True}}})

    async def checked() -> bool:
        return bool((await world.document("t1"))["checklist"][0].get("isChecked"))

    await world.until(checked, "the tick", service)
    world.human.delete(ids[2])

    async def gone() -> bool:
        return await world.find("t2") is None

    await world.until(gone, "the delete", service)
    await world.delete("t3")
    await world.until(lambda: ids[3] not in world.cards(), "the agent's delete")
    assert sorted(card["title"] for card in world.cards().values()) == [
        "Task 1",
        "Task 4",
        "by an agent",
    ]
    assert world.said("failed") == []
    assert world.said("conflict") == []


def _details(world: World, planner_id: str) -> dict[str, Any]:
    details: dict[str, Any] = world.cards()[planner_id]["details"]
    return details


def _text(text: str) -> str:
    return text.replace("\r\n", "\n")
