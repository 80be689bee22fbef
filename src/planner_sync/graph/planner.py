"""Planner's entities over Graph, typed by name and otherwise as they come: JSON in, JSON out.

Interprets nothing but `id`, `@odata.etag` and a 204 that should have been a representation. Every
call raises the GraphErrors of errors.py. A plan outside the allow-list is refused by the client; of
a card that is read by its id the caller checks `planId` itself.
"""

import re
from typing import Literal
from urllib.parse import quote

from planner_sync.errors import AnswerLost, GraphError, NotFound, Rejected
from planner_sync.graph.answers import Answer, Json
from planner_sync.graph.client import Graph
from planner_sync.graph.gate import Before


class Planner:
    """`interactive` puts a call before bulk work; `before` runs right before a write leaves, and
    may stop it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def missing_right(self) -> str:
        """The cause why Graph has refused something for a right that our token lacks; empty while
        it has not."""
        return self._graph.missing_right()

    # -- reading -----------------------------------------------------------------------------------
    async def list_cards(
        self, plan_id: str, *, expand: bool = False, interactive: bool = True
    ) -> list[Json]:
        """Every task of the plan, each once, or an error; `expand` asks for `details` inside, which
        may be ignored."""
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
        """The id of a person, or None when the directory has nobody under this e-mail address or
        id."""
        user = quote(email_or_id, safe="@")
        if user.strip(".") == "":  # a dot segment would be another path
            return None
        try:
            return str((await self._read(f"/users/{user}?$select=id", interactive))["id"])
        except (NotFound, Rejected):
            return None

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
        """The task after the change, which may hold changes of others too: Planner accepts some
        stale etags."""
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
        """The details after the change; `etag` is the details' own."""
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
        """Raises NotFound when somebody else deleted it first."""
        await self._graph.request(
            "DELETE", _task(task_id), etag=etag, before=before, interactive=interactive
        )

    # -- the three shapes --------------------------------------------------------------------------
    async def _read(self, path: str, interactive: bool) -> Json:
        return _entity("GET", path, await self._graph.request("GET", path, interactive=interactive))

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
            # The change was made, so no error of the reading may say that it was not.
            raise AnswerLost(f"PATCH {path}: done, but reading it back failed: {error}") from error
        if found.get("@odata.etag") == etag:
            raise AnswerLost(f"PATCH {path}: done, but it is read as it was before")
        return found


def _entity(method: Literal["GET", "POST", "PATCH"], path: str, answer: Answer) -> Json:
    """The body, with the etag of the header where the body has none."""
    entity = answer.json
    if entity is None or not isinstance(entity.get("id"), str):
        raise AnswerLost(
            f"{method} {path.partition('?')[0]}: {answer.status} without an item in it"
        )
    if "@odata.etag" not in entity and "etag" in answer.headers:
        entity["@odata.etag"] = answer.headers["etag"]
    return entity


def _plan(plan_id: str) -> str:
    return f"/planner/plans/{_segment(plan_id)}"


def _task(task_id: str) -> str:
    return f"/planner/tasks/{_segment(task_id)}"


def _segment(planner_id: str) -> str:
    """An id as part of a path; one that Planner cannot have made never leaves."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", planner_id):
        raise Rejected(f"{planner_id[:64]!r} is no id of Planner")
    return planner_id
