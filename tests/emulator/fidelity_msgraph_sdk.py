"""Microsoft's own SDK against a running emulator: what it writes is taken, what it reads is
understood.

    python tests/emulator/fidelity_msgraph_sdk.py http://127.0.0.1:8080/v1.0 TOKEN PLAN_ID

It runs in an environment of its own with `msgraph-sdk` alone (470 MB), so pytest does not collect
it. Prints a line for each step that passed; ends with 1 at the first that did not.
"""

import asyncio
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

from kiota_abstractions.api_error import APIError
from kiota_abstractions.authentication import AuthenticationProvider
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_abstractions.request_information import RequestInformation
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.models.planner_applied_categories import PlannerAppliedCategories
from msgraph.generated.models.planner_assignments import PlannerAssignments
from msgraph.generated.models.planner_bucket import PlannerBucket
from msgraph.generated.models.planner_category_descriptions import PlannerCategoryDescriptions
from msgraph.generated.models.planner_checklist_items import PlannerChecklistItems
from msgraph.generated.models.planner_external_references import PlannerExternalReferences
from msgraph.generated.models.planner_plan_details import PlannerPlanDetails
from msgraph.generated.models.planner_task import PlannerTask
from msgraph.generated.models.planner_task_details import PlannerTaskDetails

DUE = datetime(2031, 5, 6, 10, tzinfo=UTC)
ITEM = str(uuid.UUID(int=7))
LINK = "https%3A//example%2Ecom/notes?page=1"


class StaticToken(AuthenticationProvider):
    """The emulator's token in every request."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def authenticate_request(
        self,
        request: RequestInformation,
        additional_authentication_context: dict[str, Any] | None = None,
    ) -> None:
        request.headers.add("Authorization", f"Bearer {self._token}")


async def main(url: str, token: str, plan_id: str) -> None:
    adapter = GraphRequestAdapter(StaticToken(token))
    adapter.base_url = url
    graph = GraphServiceClient(request_adapter=adapter)
    user = await people(graph)
    bucket = await buckets(graph, plan_id)
    await plan_details(graph, plan_id)
    task = await created_task(graph, plan_id, str(bucket.id), user)
    await patched_task(graph, task)
    await details(graph, task)
    await listing(graph, plan_id, task)
    await refusals(graph, task)
    await deletes(graph, task, bucket)


async def people(graph: GraphServiceClient) -> str:
    user = await graph.users.by_user_id("mira.novak@example.com").get()
    assert user.display_name == "Mira Novak"
    passed("a user is found by e-mail")
    return str(user.id)


async def buckets(graph: GraphServiceClient, plan_id: str) -> PlannerBucket:
    present = await graph.planner.plans.by_planner_plan_id(plan_id).buckets.get()
    assert [bucket.name for bucket in present.value] == ["To do", "Doing", "Done"]
    bucket = await graph.planner.buckets.post(
        PlannerBucket(name="Later", plan_id=plan_id, order_hint=" !")
    )
    chosen = graph.planner.buckets.by_planner_bucket_id(bucket.id)
    renamed = await chosen.patch(
        PlannerBucket(name="Some day"), headers(etag(bucket), representation=True)
    )
    assert renamed.name == "Some day"
    assert etag(renamed) > etag(bucket)
    passed("buckets are listed, created, renamed")
    return renamed


async def plan_details(graph: GraphServiceClient, plan_id: str) -> None:
    chosen = graph.planner.plans.by_planner_plan_id(plan_id).details
    before = await chosen.get()
    labels = PlannerCategoryDescriptions(category4="garden")
    after = await chosen.patch(
        PlannerPlanDetails(category_descriptions=labels), headers(etag(before), representation=True)
    )
    assert after.category_descriptions.category4 == "garden"
    passed("a label is named in the plan's details")


async def created_task(
    graph: GraphServiceClient, plan_id: str, bucket_id: str, user: str
) -> PlannerTask:
    given = {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": " !"}
    task = await graph.planner.tasks.post(
        PlannerTask(
            plan_id=plan_id,
            bucket_id=bucket_id,
            title="Water the plants",
            due_date_time=DUE,
            priority=3,
            assignments=PlannerAssignments(additional_data={user: given}),
            applied_categories=PlannerAppliedCategories(additional_data={"category4": True}),
        )
    )
    assert (task.title, task.due_date_time, task.priority, task.percent_complete) == (
        "Water the plants",
        DUE,
        3,
        0,
    )
    assert list(task.assignments.additional_data) == [user]
    assert task.applied_categories.additional_data == {"category4": True}
    assert task.created_by.application.id
    passed("a task is created with people, label and date")
    return task


async def patched_task(graph: GraphServiceClient, task: PlannerTask) -> None:
    chosen = graph.planner.tasks.by_planner_task_id(task.id)
    assert await chosen.patch(PlannerTask(percent_complete=50), headers(etag(task))) is None
    done = await chosen.patch(
        PlannerTask(percent_complete=100), headers(etag(await chosen.get()), representation=True)
    )
    assert done.completed_date_time is not None
    assert done.title == "Water the plants"
    passed("a task is patched, with 204 and with its representation")


async def details(graph: GraphServiceClient, task: PlannerTask) -> None:
    chosen = graph.planner.tasks.by_planner_task_id(task.id).details
    before = await chosen.get()
    item = {
        "@odata.type": "microsoft.graph.plannerChecklistItem",
        "title": "Fill the can",
        "isChecked": False,
    }
    link = {
        "@odata.type": "microsoft.graph.plannerExternalReference",
        "alias": "Notes",
        "type": "Other",
    }
    after = await chosen.patch(
        PlannerTaskDetails(
            description="Twice a week.",
            checklist=PlannerChecklistItems(additional_data={ITEM: item}),
            references=PlannerExternalReferences(additional_data={LINK: link}),
        ),
        headers(etag(before), representation=True),
    )
    assert after.description == "Twice a week."
    assert list(after.checklist.additional_data) == [ITEM]
    assert list(after.references.additional_data) == [LINK]
    read = await graph.planner.tasks.by_planner_task_id(task.id).get()
    assert (read.has_description, read.checklist_item_count, read.reference_count) == (True, 1, 1)
    passed("details are patched, and the task counts them")


async def listing(graph: GraphServiceClient, plan_id: str, task: PlannerTask) -> None:
    listed = await graph.planner.plans.by_planner_plan_id(plan_id).tasks.get()
    assert task.id in [each.id for each in listed.value]
    passed("the plan's tasks are listed")


async def refusals(graph: GraphServiceClient, task: PlannerTask) -> None:
    chosen = graph.planner.tasks.by_planner_task_id(task.id)
    await chosen.patch(PlannerTask(title="Water all plants"), headers(etag(await chosen.get())))
    assert await status_of(chosen.patch(PlannerTask(title="Another"), headers(etag(task)))) == 409
    assert await status_of(chosen.patch(PlannerTask(title="Another"))) == 412
    assert (
        await status_of(
            chosen.details.patch(PlannerTaskDetails(description="x"), headers(etag(task)))
        )
        == 412
    )
    assert await status_of(graph.planner.tasks.post(PlannerTask(title="No plan"))) == 400
    passed("409, 412 and 400 are understood as the SDK's errors")


async def deletes(graph: GraphServiceClient, task: PlannerTask, bucket: PlannerBucket) -> None:
    chosen = graph.planner.tasks.by_planner_task_id(task.id)
    await chosen.delete(headers(etag(await chosen.get())))
    assert await status_of(chosen.get()) == 404
    await graph.planner.buckets.by_planner_bucket_id(bucket.id).delete(headers(etag(bucket)))
    passed("task and bucket are deleted")


def etag(resource: Any) -> str:
    return str(resource.additional_data["@odata.etag"])


def headers(if_match: str, *, representation: bool = False) -> RequestConfiguration[Any]:
    configuration: RequestConfiguration[Any] = RequestConfiguration()
    configuration.headers.add("If-Match", if_match)
    if representation:
        configuration.headers.add("Prefer", "return=representation")
    return configuration


async def status_of(call: Any) -> int | None:
    try:
        await call
    except APIError as error:
        return error.response_status_code
    return None


def passed(step: str) -> None:
    print(f"ok  {step}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
    print("the emulator is a Planner to Microsoft's SDK")
