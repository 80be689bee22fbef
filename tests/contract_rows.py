"""The rows of the public contract that tests must hold, by the names that the `contract` marker
uses.

A row of a table is named by its first column, a long one by its beginning; a rule below the table
of fields by what it says. When the contract changes, this list changes with it.
"""

FIELDS = (
    "§4 id",
    "§4 title",
    "§4 planId",
    "§4 bucket or bucketId",
    "§4 assignedTo",
    "§4 startDate, dueDate",
    "§4 percentComplete",
    "§4 priority",
    "§4 labels",
    "§4 description",
    "§4 checklist",
    "§4 references",
    "§4 plannerId, _rev",
    "§4 createdBy, createdAt",
)
RULES = (
    "§4 rule: unknown fields are the agents' own",
    "§4 rule: absent is no opinion",
    "§4 rule: two dialects",
    "§4 rule: the key is the id",
    "§4 rule: a human takes the label of an agent off",
    "§4 rule: a synced field that a write left out",
    "§4 rule: a field that a human cleared",
    "§4 rule: without bucket and bucketId",
    "§4 rule: refused as a whole",
)
MESSAGES = (
    "§5 updates, from agents",
    "§5 updates, from the service",
    "§5 uploaded",
    "§5 deleted",
    "§5 conflict",
    "§5 failed",
)
SITUATIONS = (
    "§6 Agent creates or updates",
    "§6 Agent writes 100 times in a burst",
    "§6 Human creates a card",
    "§6 Human edits, completes, moves, relabels, reassigns",
    "§6 Both change different fields",
    "§6 Both change the same field",
    "§6 Sets and lists",
    "§6 Agent deletes: `DEL` the key and publish `deleted`",
    "§6 Human deletes the card",
    "§6 `deleted` message, but the key is there",
    "§6 Key vanishes without a `deleted` message",
    "§6 Mapping or the whole Redis is lost",
    "§6 A plan answers 403/404, a page fails",
    "§6 Cards are missing from a listing, all of them even",
    "§6 More than `MAX_DELETE_RATIO` … vanish at once",
    "§6 The process is killed at any instant",
    "§6 Two or more instances run",
    "§6 Planner is down, slow, throttles",
    "§6 Redis restarts or fails over",
    "§6 An agent writes back a copy that it read",
    "§6 A quiet system",
)
ROWS = (*FIELDS, *RULES, *MESSAGES, *SITUATIONS)
