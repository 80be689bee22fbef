"""What operators use: the command line, the status report, Redis users. Knows no Planner."""
