"""Documents and the sync state of each task: read in one round trip, written only by scripts that
compare first.

The sync state and the intents are opaque here: text that the sync engine reads and writes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from planner_sync.model.lease import TaskLease
from planner_sync.model.orders import (
    WRONG_TYPE,
    Bury,
    DocumentSeen,
    Forget,
    Intent,
    IntentKind,
    Messages,
    Order,
    Postpone,
    Record,
    Result,
    Settle,
    Stored,
    document_hash,
    members,
)
from planner_sync.model.records import DeletedCard, Refused
from planner_sync.store.keys import Keys, KeysAbout
from planner_sync.store.pending import SEND_MS
from planner_sync.store.scripts import Scripts

READ_IN_ONE = 500
SCRIPT_OF: Mapping[type[Order], str] = {
    Record: "record_answer",
    Settle: "settle_task",
    Postpone: "settle_task",
    Bury: "bury_task",
    Forget: "bury_task",
}


class TaskRepository:
    """The documents of one namespace, with our states."""

    def __init__(self, redis: Any, scripts: Scripts, keys: Keys, size_limit: int) -> None:
        self._redis = redis
        self._scripts = scripts
        self._keys = keys
        self._size_limit = size_limit

    async def read(self, task_id: str) -> Stored:
        """The document, up to just over the size limit, and all states."""
        key, private = self._keys.document(task_id), self._keys.private
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.getrange(key, 0, self._size_limit)
            pipe.exists(key)
            pipe.hgetall(self._keys.task(task_id))
            pipe.hget(private("refusals"), task_id)
            pipe.hget(private("deleted_cards"), task_id)
            pipe.hgetall(private("names_digests"))
            pipe.get(self._keys.planner_id(task_id))
            text, exists, states, refusal, deleted_card, names_digests, public = await pipe.execute(
                raise_on_error=False
            )
        wrong_type = isinstance(text, Exception)
        for answer in (exists, states, refusal, deleted_card, names_digests):
            if isinstance(answer, Exception):
                raise answer
        oversize = not wrong_type and len(text) > self._size_limit
        return Stored(
            DocumentSeen(
                text=None if wrong_type or not exists else text,
                size=await self._redis.strlen(key) if oversize else None,
                wrong_type=wrong_type,
            ),
            state=_text(states.get(b"state")),
            last=states.get(b"last"),
            intents=tuple(sorted(_intents(states), key=lambda intent: intent.at)),
            refusal=Refused.load(refusal) if refusal else None,
            deleted_card=DeletedCard.load(deleted_card) if deleted_card else None,
            public_planner_id=public.decode(errors="replace")
            if isinstance(public, bytes)
            else None,
            names_digests={
                plan.decode(): names_digest.decode() for plan, names_digest in names_digests.items()
            },
        )

    async def record_intent(
        self, lease: TaskLease, nonce: str, body: str, plan_id: str, kind: IntentKind
    ) -> str:
        """Record what is about to be sent and renew the lease: "recorded", "overtaken" or
        "recovering"."""
        answer = await self._scripts["record_intent"](
            self._keys.about(lease.task_id, plan_id=plan_id),
            [lease.task_id, lease.token, SEND_MS, nonce, body, plan_id, kind],
        )
        return str(answer.decode())

    async def settle(self, lease: TaskLease, order: Order, listed_at: int = 0) -> Result:
        """Carry out one order under a lease. `listed_at` is the server's time (ms) of the listing
        that showed the change."""
        name = SCRIPT_OF[type(order)]
        body = json.dumps(self._json(lease, order, listed_at))
        seen = order.document.text
        expected = b"" if seen is None else b"=" + seen
        new = getattr(order, "new", None) or b""
        answer = await self._scripts[name](
            self._keys_of(lease.task_id, order), [body, expected, new]
        )
        result: Result = answer.decode()
        return result

    def _keys_of(self, task_id: str, order: Order) -> KeysAbout:
        if isinstance(order, Bury):
            return self._keys.about(task_id, planner_id=order.planner_id, plan_id=order.plan_id)
        if isinstance(order, Forget) or order.card is None:
            return self._keys.about(task_id, plan_id=order.plan_id)
        return self._keys.about(
            task_id,
            planner_id=order.card.planner_id,
            plan_id=order.plan_id,
            old_plan_id=order.card.old_plan_id,
        )

    def _json(self, lease: TaskLease, order: Order, listed_at: int) -> dict[str, Any]:
        """The order as its script reads it: its fields, those of its lease, and what to do
        with the document (`write`, `hash`)."""
        found = members(order)
        for name in {"messages", "document_messages"} & found.keys():
            found[name] = self._addressed(found[name])
        found |= {
            "kind": type(order).__name__,
            "id": lease.task_id,
            "token": lease.token,
            "generation": lease.generation,
            "reason": lease.reason,
            "due_since": lease.due,
            "listed_at": listed_at,
        }
        new = getattr(order, "new", None)
        found["write"] = "keep" if new is None else "set" if new else "delete"
        found["hash"] = document_hash(new) if new else order.document.hash
        return found

    def _addressed(self, messages: Messages) -> list[tuple[str, str]]:
        channels = {"sync": self._keys.sync, "updates": self._keys.updates}
        return [(channels[channel], text) for channel, text in messages]

    async def digest(self, task_id: str) -> str | None:
        """The hash by which the sweep knows this document; None when there is none."""
        key = self._keys.document(task_id)
        kind = (await self._redis.type(key)).decode()
        if kind != "string":
            return None if kind == "none" else WRONG_TYPE
        text = await self._redis.getrange(key, 0, self._size_limit)
        return document_hash(
            text, await self._redis.strlen(key) if len(text) > self._size_limit else None
        )

    async def report(self, task_id: str, refusal: Refused, digest: str, message: str) -> None:
        """Record and publish a refusal found outside a reconciliation. `digest` marks this version
        as seen, so that the sweep does not report it again."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(self._keys.private("refusals"), task_id, refusal.dump())
            pipe.hset(self._keys.private("hashes"), task_id, digest)
            await pipe.execute()
        await self._redis.publish(self._keys.sync, message)

    async def withdraw(self, task_ids: Sequence[str]) -> None:
        """These refused documents are gone."""
        if task_ids:
            await self._redis.hdel(self._keys.private("refusals"), *task_ids)
            await self._redis.hdel(self._keys.private("hashes"), *task_ids)

    async def refusals(self) -> dict[str, Refused]:
        """Every refusal on record, by task id."""
        refusals = await self._redis.hgetall(self._keys.private("refusals"))
        return {
            task_id.decode("utf-8", "replace"): Refused.load(text)
            for task_id, text in refusals.items()
        }

    async def read_documents(self, task_ids: Sequence[str]) -> dict[str, bytes]:
        """The documents that exist among these ids, as bytes."""
        found: dict[str, bytes] = {}
        for start in range(0, len(task_ids), READ_IN_ONE):
            ids = task_ids[start : start + READ_IN_ONE]
            texts = await self._redis.mget([self._keys.document(task_id) for task_id in ids])
            found.update(
                (task_id, text)
                for task_id, text in zip(ids, texts, strict=True)
                if text is not None
            )
        return found

    async def to_restore(self, task_ids: Sequence[str]) -> set[str]:
        """Those of these tasks that an operator wants back."""
        if not task_ids:
            return set()
        reasons = await self._redis.hmget(self._keys.private("reason"), list(task_ids))
        return {
            task_id
            for task_id, reason in zip(task_ids, reasons, strict=True)
            if reason == b"restore"
        }

    async def missing(self, task_ids: Sequence[str]) -> set[str]:
        """Those of these ids that have no document now, whatever its type."""
        found: set[str] = set()
        for start in range(0, len(task_ids), READ_IN_ONE):
            ids = task_ids[start : start + READ_IN_ONE]
            if len(ids) == await self._redis.exists(
                *(self._keys.document(task_id) for task_id in ids)
            ):
                continue
            async with self._redis.pipeline(transaction=False) as pipe:
                for task_id in ids:
                    pipe.exists(self._keys.document(task_id))
                answers = await pipe.execute()
            found.update(
                task_id for task_id, exists in zip(ids, answers, strict=True) if not exists
            )
        return found


def _intents(states: Mapping[bytes, bytes]) -> Iterable[Intent]:
    for name, value in states.items():
        if name.startswith(b"intent "):
            at, _, body = value.decode().partition(" ")
            yield Intent(name.decode().removeprefix("intent "), int(at), body)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
