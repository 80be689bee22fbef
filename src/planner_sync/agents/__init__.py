"""What agents use: the client, the shape of a task, the messages and the errors. Knows no
Planner."""

from planner_sync.agents.client import AgentClient, Task
from planner_sync.agents.messages import (
    Change,
    Confirmation,
    Conflict,
    Deleted,
    Failed,
    Heard,
    Subscribed,
    Uploaded,
)
from planner_sync.agents.task_fields import ChecklistItemFields, ReferenceFields, TaskFields
from planner_sync.errors import Refusal, TaskExists, TaskMissing

__all__ = [
    "AgentClient",
    "Change",
    "ChecklistItemFields",
    "Confirmation",
    "Conflict",
    "Deleted",
    "Failed",
    "Heard",
    "ReferenceFields",
    "Refusal",
    "Subscribed",
    "Task",
    "TaskExists",
    "TaskFields",
    "TaskMissing",
    "Uploaded",
]
