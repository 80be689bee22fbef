"""Signing in to Entra ID. Knows neither Redis nor Planner."""
