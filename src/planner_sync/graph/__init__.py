"""Microsoft Planner over Graph: requests, batches, cards. Knows no Redis."""
