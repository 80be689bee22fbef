"""Planner's entities over Graph: one method for each call, JSON in and JSON out.

Only `id`, `@odata.etag` and a 204 in place of the changed entity are interpreted. Every call raises
the GraphErrors of errors.py. The client refuses a plan outside the allow-list; the `planId` of a
task that was read by its id is for the caller to check.
"""

import re
from typing import Literal
from urllib.parse import quote

from planner_sync.errors import AnswerLost, GraphError, NotFound, Rejected
from planner_sync.graph.answers import GraphAnswer, GraphRequest, Json
from planner_sync.graph.client import Graph
from planner_sync.graph.gate import Before


class Planner:
    """An `interactive` call goes before bulk work; `before` runs right before a write is sent, and
    stops it when it raises."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def missing_right(self) -> str:
        """Why Graph refuses our token, as a code of causes.py; "" until it has refused a
        request."""
        return self._graph.missing_right()

    # -- reading -----------------------------------------------------------------------------------
    async def list_cards(
        self, plan_id: str, *, expand: bool = False, interactive: bool = True
    ) -> list[Json]:
        """Every task of the plan, each once.

        `expand` asks for `details` in each task; Graph may ignore it.
        """
        query = "?$expand=details" if expand else ""
        return await self._graph.collect(f"{_plan(plan_id)}/tasks{query}", interactive=interactive)

    async def list_buckets(self, plan_id: str, *, interactive: bool = True) -> list[Json]:
        return await self._graph.collect(f"{_plan(plan_id)}/buckets", interactive=interactive)

    async def read_plan(self, plan_id: str, *, interactive: bool = True) -> Json:
        return await self._read(_plan(plan_id), interactive)

    async def read_plan_details(self, plan_id: str, *, interactive: bool = True) -> Json:
        return await self._read(f"{_plan(plan_id)}/details", interactive)

    async def read_task(self, task_id: str, *, interactive: bool = True) -> Json:
        return await self._read(_task(task_id), interactive)

    async def read_details(self, task_id: str, *, interactive: bool = True) -> Json:
        return await self._read(f"{_task(task_id)}/details", interactive)

    async def find_user(self, email_or_id: str, *, interactive: bool = True) -> str | None:
        """The id of a person; None when the directory does not know the e-mail address or id."""
        user = quote(email_or_id, safe="@")
        if user.strip(".") == "":  # a dot segment would be another path
            return None
        try:
            found = await self._read(f"/users/{user}?$select=id", interactive)
        except (NotFound, Rejected):
            return None
        return str(found["id"])

    # -- writing -----------------------------------------------------------------------------------
    async def create_task(
        self, body: Json, before: Before | None = None, *, interactive: bool = True
    ) -> Json:
        """The new task. After AnswerLost, and after any 403, it may exist all the same."""
        return await self._create("/planner/tasks", body, before, interactive)

    async def create_bucket(
        self, body: Json, before: Before | None = None, *, interactive: bool = True
    ) -> Json:
        return await self._create("/planner/buckets", body, before, interactive)

    async def update_task(
        self,
        task_id: str,
        body: Json,
        etag: str,
        before: Before | None = None,
        *,
        interactive: bool = True,
    ) -> Json:
        """The task after the change.

        It may also show changes that others made since `etag`: Planner accepts some stale etags.
        """
        return await self._update(_task(task_id), body, etag, before, interactive)

    async def update_details(
        self,
        task_id: str,
        body: Json,
        etag: str,
        before: Before | None = None,
        *,
        interactive: bool = True,
    ) -> Json:
        """The details after the change; `etag` is that of the details, not of the task."""
        return await self._update(f"{_task(task_id)}/details", body, etag, before, interactive)

    async def update_plan_details(
        self,
        plan_id: str,
        body: Json,
        etag: str,
        before: Before | None = None,
        *,
        interactive: bool = True,
    ) -> Json:
        return await self._update(f"{_plan(plan_id)}/details", body, etag, before, interactive)

    async def delete_task(
        self, task_id: str, etag: str, before: Before | None = None, *, interactive: bool = True
    ) -> None:
        """Raises NotFound when the task is gone already."""
        await self._graph.request(
            "DELETE", _task(task_id), etag=etag, before=before, interactive=interactive
        )

    # -- the three kinds of call -------------------------------------------------------------------
    async def _read(self, path: str, interactive: bool) -> Json:
        answer = await self._graph.request("GET", path, interactive=interactive)
        return _entity("GET", path, answer)

    async def _create(
        self, path: str, body: Json, before: Before | None, interactive: bool
    ) -> Json:
        answer = await self._graph.request(
            "POST", path, json=body, before=before, interactive=interactive
        )
        return _entity("POST", path, answer)

    async def _update(
        self, path: str, body: Json, etag: str, before: Before | None, interactive: bool
    ) -> Json:
        answer = await self._graph.request(
            "PATCH", path, json=body, etag=etag, before=before, interactive=interactive
        )
        if answer.status != 204:
            return _entity("PATCH", path, answer)
        try:
            found = await self._read(path, interactive)
        except GraphError as error:
            # The change was made; an error of this read must not say that it was not.
            raise AnswerLost(f"PATCH {path}: done, but reading it back failed: {error}") from error
        if found.get("@odata.etag") == etag:
            raise AnswerLost(f"PATCH {path}: done, but Planner still shows the state before it")
        return found


def _entity(method: Literal["GET", "POST", "PATCH"], path: str, answer: GraphAnswer) -> Json:
    """The entity in the body, with the etag of the header when the body has none."""
    entity = answer.json
    if entity is None or not isinstance(entity.get("id"), str):
        request = GraphRequest(method, path)
        raise AnswerLost(f"{request}: {answer.status} without an item that has an id")
    if "@odata.etag" not in entity and "etag" in answer.headers:
        entity["@odata.etag"] = answer.headers["etag"]
    return entity


def _plan(plan_id: str) -> str:
    return f"/planner/plans/{_segment(plan_id)}"


def _task(task_id: str) -> str:
    return f"/planner/tasks/{_segment(task_id)}"


def _segment(planner_id: str) -> str:
    """An id as part of a path. Raises Rejected for one that Planner cannot have made."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", planner_id):
        raise Rejected(f"{planner_id[:64]!r} is not a Planner id")
    return planner_id
