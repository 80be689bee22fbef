"""Microsoft Planner over Graph: sign-in, requests, cards. Knows no Redis."""
