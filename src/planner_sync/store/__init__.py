"""Redis: documents, mapping, pending work, notes and vital signs. Knows no Planner."""
