"""Unmistakable secrets and contents, wherever a service can have them, and the search for what of
them has come out."""

import base64
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, quote_plus

# The characters that URLs, forms and JSON write in another way are meant.
REDIS_PASSWORD = "planted:redis/pass@word?"
API_KEY = 'planted"health\\key&%'
CLIENT_SECRET = "planted~client+secret/="
PROXY_PASSWORD = "planted-proxy-password"
CERTIFICATE_PASSWORD = "planted-certificate-password"

PEOPLE = ("mira.novak@example.com", "aiko.tanaka@example.com", "stranger+planner@sub.example.org")
WORD = "Velvetotter"  # in every text that is the content of a task


def spellings(secret: str) -> set[str]:
    """How a secret may look where it came out."""
    coded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        coded,
    }


def found(text: str, secrets: Iterable[str]) -> list[str]:
    """The lines in which one of the secrets is, in whatever spelling."""
    looked_for = [spelling for secret in secrets for spelling in spellings(secret)]
    return [line for line in text.splitlines() if any(spelling in line for spelling in looked_for)]


def contents(text: str) -> list[str]:
    """The lines that show what is in a task, or the address of a person."""
    shown = re.compile(
        "|".join([WORD, *map(re.escape, PEOPLE), *(re.escape(quote(one)) for one in PEOPLE)])
    )
    return [line for line in text.splitlines() if shown.search(line)]


def document(task_id: str, n: int = 0) -> str:
    """A task with content in each of its fields."""
    text = f"{WORD} {n} of {PEOPLE[0]}"
    fields: dict[str, Any] = {
        "title": text,
        "description": f"{text}: a comment",
        "bucket": f"{WORD} bucket",
        "labels": [f"{WORD} label"],
        "assignedTo": [PEOPLE[0], f"{WORD}-agent"],
        "checklist": [{"title": f"{text}: item"}],
        "references": [{"url": f"https://example.com/{WORD}", "alias": text}],
        "secretly": text,
    }
    return json.dumps({"id": task_id, **fields})


BAD_DOCUMENTS = {
    "no-json": f"{{{WORD} {PEOPLE[1]}",
    "no-object": json.dumps([WORD]),
    "no-title": json.dumps({"description": WORD}),
    "wrong-type": json.dumps({"title": WORD, "percentComplete": f"{WORD} {PEOPLE[1]}"}),
    "wrong-date": json.dumps({"title": WORD, "dueDate": f"{WORD}"}),
    "too-long": json.dumps({"title": WORD * 100}),
    "no-person": json.dumps({"title": WORD, "assignedTo": [PEOPLE[2]]}),
    "no-bucket": json.dumps({"title": WORD, "bucketId": WORD}),
    "no-plan": json.dumps({"title": WORD, "planId": WORD}),
    f"bad {WORD} id": json.dumps({"title": WORD}),
}
BAD_MESSAGES = (
    "",
    "{",
    f'{{"action": "{WORD}", "taskId": ["{PEOPLE[1]}"]}}',
    f"{WORD} {PEOPLE[1]}",
    "[]" * 5000,
)


async def everything_in(redis: Any) -> str:
    """Every key with all that it holds, a line for each text, of a client that decodes."""
    readers: dict[str, Any] = {
        "string": redis.get,
        "hash": redis.hgetall,
        "zset": lambda key: redis.zrange(key, 0, -1),
        "list": lambda key: redis.lrange(key, 0, -1),
    }
    lines = []
    async for key in redis.scan_iter("*"):
        kind = await redis.type(key)
        if kind != "none":  # else it is gone since it was listed
            lines += [f"{key}: {text}" for text in _texts(await readers[kind](key))]
    return "\n".join(lines)


def _texts(value: Any) -> list[str]:
    match value:
        case dict():
            return [f"{name} = {text}" for name, text in value.items()]
        case list():
            return value
        case None:
            return []
        case _:
            return [value]
