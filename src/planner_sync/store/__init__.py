"""Redis: documents, mapping, pending work, intents and vital signs. Knows no Planner."""
