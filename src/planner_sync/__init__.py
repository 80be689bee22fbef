"""Planner Sync: AI agents work in Redis, people work in Microsoft Planner, both see one set of
tasks."""
