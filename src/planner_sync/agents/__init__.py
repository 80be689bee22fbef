"""What agents use. Knows no Planner."""

from planner_sync.agents.client import AgentClient

__all__ = ["AgentClient"]
