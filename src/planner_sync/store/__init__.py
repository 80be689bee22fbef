"""Redis: documents, mapping, pending work, intents and telemetry. Knows no Planner."""
