"""The two journeys of data: from an agent's document to the card, and from a human's card to the
document."""

import pytest

from tests.sync.world import World

pytestmark = pytest.mark.cluster


@pytest.mark.contract("§6 Agent creates or updates")
async def test_a_document_becomes_a_card_and_learns_its_id(world: World) -> None:
    await world.start()
    await world.write("report-7", title="Write the report", secret={"mine": [1, 2.50]})
    planner_id = await world.until_uploaded("report-7")
    card = world.card("Write the report")
    assert card["id"] == planner_id
    document = await world.document("report-7")
    assert document["secret"] == {"mine": [1, 2.5]}
    (message,) = await world.until(lambda: world.said("uploaded"))
    assert message["created"] is True
    assert message["redisId"] == "report-7"
    assert message["plannerId"] == planner_id
    assert "title" in message["fields"]


@pytest.mark.contract("§6 Human creates a card")
async def test_a_card_becomes_a_document(world: World) -> None:
    await world.start()
    card = world.human.create(title="From a human")
    task_id = f"planner-{card['id']}"
    await world.until(lambda: world.find(task_id))
    document = await world.document(task_id)
    assert document["title"] == "From a human"
    assert document["plannerId"] == card["id"]
    assert (await world.redis.get(world.keys.planner_id(task_id))).decode() == card["id"]
    await world.until(lambda: world.said("created", task_id))


@pytest.mark.contract("§6 Both change different fields")
async def test_different_fields_both_survive(world: World) -> None:
    await world.start()
    await world.write("t1", title="Both", percentComplete=0, description="old")
    planner_id = await world.until_uploaded("t1")
    await world.until(lambda: world.cards()[planner_id]["details"]["description"] == "old")
    world.human.edit(planner_id, fields={"percentComplete": 50})
    await world.change("t1", description="new")
    await world.until(lambda: world.cards()[planner_id]["details"]["description"] == "new")

    async def merged() -> bool:
        return (await world.document("t1")).get("percentComplete") == 50

    await world.until(merged)
    assert world.cards()[planner_id]["percentComplete"] == 50


@pytest.mark.contract("§6 Agent deletes: `DEL` the key and publish `deleted`")
async def test_an_agents_delete_deletes_the_card(world: World) -> None:
    await world.start()
    await world.write("gone", title="Going")
    await world.until_uploaded("gone")
    await world.delete("gone")
    await world.until(lambda: not world.cards())
    (message,) = await world.until(lambda: world.said("deleted", "gone"))
    assert message["by"] == "agent"


@pytest.mark.contract("§6 Human deletes the card")
async def test_a_humans_delete_deletes_the_document(world: World) -> None:
    service = await world.start()
    await world.write("gone", title="Going")
    planner_id = await world.until_uploaded("gone")
    await world.poll(service)  # only what a listing has shown can be missing soon after it was made
    world.human.delete(planner_id)

    async def is_gone() -> bool:
        return await world.find("gone") is None

    await world.until(is_gone)
    await world.until(lambda: len(world.said("deleted", "gone")) == 2)
