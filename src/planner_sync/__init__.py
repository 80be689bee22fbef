"""Planner Sync: agents work in Redis, people work in Microsoft Planner, and both see one set of
tasks."""
