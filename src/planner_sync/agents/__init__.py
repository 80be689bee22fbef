"""What agents use. Knows no Planner."""
