"""Who did it: applications, people, sign-in, and markers that make a create safe."""

import pytest

from planner_emulator.actors import EMULATOR_APPLICATION, PLANNER_APPLICATION
from tests.emulator.desk import Desk, Json, assigned, error, path_of


@pytest.mark.parametrize(
    ("switches", "user"),
    [
        pytest.param({}, "absent", id="no_user"),
        pytest.param({"app_created_by": "null_user"}, None, id="null_user"),
    ],
)
def test_app_created_by(switches: dict[str, str], user: object) -> None:
    created_by = Desk(**switches).task()["createdBy"]

    assert created_by["application"] == {"displayName": None, "id": EMULATOR_APPLICATION}
    assert created_by.get("user", "absent") == user


def test_people_have_another_application(desk: Desk) -> None:
    made = desk.human.create(desk.plan, "By hand", user=desk.users[1])

    assert made["createdBy"]["user"]["id"] == desk.users[1]
    assert made["createdBy"]["application"]["id"] == PLANNER_APPLICATION


@pytest.mark.parametrize(("switch", "status"), [("app", 400), ("delegated", 200)])
def test_sign_in(switch: str, status: int) -> None:
    """/me answers a signed-in user only, who then is the one who creates."""
    desk = Desk(sign_in=switch)
    task = desk.task(assignments=assigned(desk.users[0]))
    response = desk.call("GET", "me/planner/tasks")

    assert response.status == status
    assert (task["createdBy"].get("user") is not None) is (switch == "delegated")
    if switch == "delegated":
        assert [row["id"] for row in response.json()["value"]] == [task["id"]]
        assert desk.get("me")["id"] == task["createdBy"]["user"]["id"] == desk.users[0]


@pytest.mark.parametrize("form", ["{id}", "{email}", "{escaped}", "{upper}"])
def test_a_user_is_found_by_id_and_by_e_mail(desk: Desk, form: str) -> None:
    email = "mira.novak@example.com"
    name = form.format(
        id=desk.users[0], email=email, escaped=email.replace("@", "%40"), upper=email.upper()
    )
    user = desk.get(f"users/{name}")

    assert (user["id"], user["mail"], user["userPrincipalName"]) == (desk.users[0], email, email)
    assert user["displayName"] == "Mira Novak"


def test_an_unknown_user_is_not_found(desk: Desk) -> None:
    status, code, message = error(desk.call("GET", "users/nobody@example.com"))

    assert (status, code) == (404, "Request_ResourceNotFound")
    assert "nobody@example.com" in message


def source(object_id: str) -> Json:
    return {
        "@odata.type": "#microsoft.graph.plannerExternalTaskSource",
        "contextScenarioId": "test",
        "externalObjectId": object_id,
    }


@pytest.mark.parametrize(("switch", "status"), [("off", 400), ("on", 201)])
def test_creation_source(switch: str, status: int) -> None:
    """On beta only, and a repeated pair gives the task that is there, unmodified."""
    desk = Desk(creation_source=switch)
    body = {"planId": desk.plan, "title": "First", "creationSource": source("1")}
    first = desk.call("POST", "planner/tasks", body, version="beta")
    again = desk.call("POST", "planner/tasks", {**body, "title": "Again"}, version="beta")

    assert (first.status, again.status) == (status, 200 if status == 201 else 400)
    assert desk.call("POST", "planner/tasks", body).status == 400
    if switch == "on":
        assert (again.json()["id"], again.json()["title"]) == (first.json()["id"], "First")
        assert "creationSource" not in desk.get(path_of(first.json()))


@pytest.mark.parametrize("status", [200, 201])
def test_creation_source_repeat(status: int) -> None:
    desk = Desk(creation_source="on", creation_source_repeat=status)
    body = {"planId": desk.plan, "title": "Task", "creationSource": source("1")}

    assert [desk.call("POST", "planner/tasks", body, version="beta").status for _ in "ab"] == [
        201,
        status,
    ]


@pytest.mark.parametrize(
    ("switch", "description"), [("ignore", ""), ("honour", "Text"), ("reject", None)]
)
def test_deep_insert(switch: str, description: str | None) -> None:
    """Details inside the POST of the task; they are never in its answer."""
    desk = Desk(deep_insert=switch)
    body = {"planId": desk.plan, "title": "Task", "details": {"description": "Text"}}
    response = desk.call("POST", "planner/tasks", body)

    assert response.status == (400 if description is None else 201)
    if description is not None:
        task = response.json()
        assert (task["hasDescription"], "details" in task) == (bool(description), False)
        assert desk.get(f"{path_of(task)}/details")["description"] == description
