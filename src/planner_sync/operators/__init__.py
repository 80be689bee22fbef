"""What operators use. Knows no Planner."""
