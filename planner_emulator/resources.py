"""One versioned thing in Planner: its fields, its etag, and which version last changed each field
or key.

The per-field versions are what makes a stale etag harmless for disjoint changes and a 409 for
overlapping ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from planner_emulator import etags

Json = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of resource: the tag in its etags, its name in messages, its place in
    `@odata.context`."""

    tag: str
    entity: str
    context: str


TASK = Kind("Task  ", "Task", "planner/tasks")
DETAILS = Kind("TaskDetails ", "TaskDetails", "planner/tasks/details")
BUCKET = Kind("Bucket", "Bucket", "planner/buckets")
PLAN = Kind("Plan  ", "Plan", "planner/plans")
PLAN_DETAILS = Kind("PlanDetails ", "PlanDetails", "planner/plans/details")
BOARDS = {
    "assignedToTaskBoardFormat": Kind(
        "AssignedToTaskBoardFormat ", "AssignedToTaskBoardFormat", "planner/tasks/board"
    ),
    "bucketTaskBoardFormat": Kind(
        "BucketTaskBoardFormat ", "BucketTaskBoardFormat", "planner/tasks/board"
    ),
    "progressTaskBoardFormat": Kind(
        "ProgressTaskBoardFormat ", "ProgressTaskBoardFormat", "planner/tasks/board"
    ),
}


class Write(NamedTuple):
    """One field, or one key of an open type, with its new value; None in an open type removes the
    key."""

    field: str
    key: str | None
    value: Any

    @property
    def place(self) -> str:
        return self.field if self.key is None else f"{self.field}/{self.key}"


@dataclass
class Resource:
    """`fields` are the JSON members without etag and annotations; `changed` has the version of each
    place's change."""

    kind: Kind
    id: str
    fields: Json
    version: int = etags.FIRST
    changed: dict[str, int] = field(default_factory=dict)

    @property
    def etag(self) -> str:
        return etags.make(self.kind.tag, self.version)

    def json(self) -> Json:
        return {"@odata.etag": self.etag, **self.fields, "id": self.id}

    def value(self, write: Write) -> Any:
        """What stands now where `write` would go."""
        stored = self.fields[write.field]
        return stored if write.key is None else stored.get(write.key)

    def overlaps(self, writes: Iterable[Write], since: int) -> bool:
        """Whether any of these places was changed after version `since`."""
        return any(self.changed.get(write.place, 0) > since for write in writes)

    def put(self, writes: Iterable[Write], *, even_if_same: bool) -> bool:
        """Store the writes as one new version; return whether the version moved."""
        real = [write for write in writes if self.value(write) != write.value]
        if not real and not even_if_same:
            return False
        self.version += etags.STEP
        for write in real:
            self._store(write)
            self.changed[write.place] = self.version
        return True

    def _store(self, write: Write) -> None:
        if write.key is None:
            self.fields[write.field] = write.value
        elif write.value is None:
            self.fields[write.field] = {
                k: v for k, v in self.fields[write.field].items() if k != write.key
            }
        else:
            self.fields[write.field] = {**self.fields[write.field], write.key: write.value}
