"""A Microsoft Planner of one's own: Graph's Planner endpoints over HTTP, strict, stateful and
deterministic on demand.

It is a witness for tests and demos. It imports nothing from the product that it tests and never
ships with it.
"""
