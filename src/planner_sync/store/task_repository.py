"""Documents and what we believe of each task: read in one round trip, written only by scripts that
compare first.

What is believed (`state`, `notes`) is opaque here: text that the sync engine reads and writes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from planner_sync.model.lease import Claim
from planner_sync.model.orders import (
    WRONG_TYPE,
    Channel,
    Note,
    NoteKind,
    Order,
    Result,
    Stored,
    document_hash,
)
from planner_sync.store.keys import Keys
from planner_sync.store.pending import SEND_MS
from planner_sync.store.scripts import Scripts

READ_IN_ONE = 500


class TaskRepository:
    """The documents of one namespace, with our beliefs."""

    def __init__(self, redis: Any, scripts: Scripts, keys: Keys, size_limit: int) -> None:
        self._redis = redis
        self._scripts = scripts
        self._keys = keys
        self._size_limit = size_limit

    async def read(self, task_id: str) -> Stored:
        """The document, up to just over the size limit, and all beliefs."""
        key, private = self._keys.document(task_id), self._keys.private
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.getrange(key, 0, self._size_limit)
            pipe.exists(key)
            pipe.hgetall(self._keys.task(task_id))
            pipe.hget(private("refusals"), task_id)
            pipe.hget(private("graves"), task_id)
            pipe.hgetall(private("namings"))
            pipe.get(self._keys.planner_id(task_id))
            text, exists, beliefs, refusal, grave, namings, public = await pipe.execute(
                raise_on_error=False
            )
        wrong_type = isinstance(text, Exception)
        for answer in (exists, beliefs, refusal, grave, namings):
            if isinstance(answer, Exception):
                raise answer
        oversize = not wrong_type and len(text) > self._size_limit
        return Stored(
            text=None if wrong_type or not exists else text,
            wrong_type=wrong_type,
            size=await self._redis.strlen(key) if oversize else None,
            state=_text(beliefs.get(b"state")),
            last=beliefs.get(b"last"),
            notes=tuple(sorted(_notes(beliefs), key=lambda note: note.at)),
            refusal=_text(refusal),
            grave=_text(grave),
            public_planner_id=public.decode(errors="replace")
            if isinstance(public, bytes)
            else None,
            namings={plan.decode(): naming.decode() for plan, naming in namings.items()},
        )

    async def write_note(
        self, claim: Claim, nonce: str, body: str, plan_id: str, kind: NoteKind
    ) -> str:
        """Note what is about to be sent and renew the claim: "noted", "overtaken" or
        "recovering"."""
        private = self._keys.private
        keys = [
            private("pending"),
            private("claims"),
            self._keys.task(claim.task_id),
            private("epochs"),
        ]
        answer = await self._scripts["write_note"](
            [*keys, private("creating", plan_id), private("look")],
            [claim.task_id, claim.token, SEND_MS, nonce, body, plan_id, kind],
        )
        return str(answer.decode())

    async def settle(self, claim: Claim, order: Order) -> Result:
        """Carry out one order under a claim."""
        given = {
            name: value for name, value in self._order(claim, order).items() if value is not None
        }
        expected = b"" if order.expected is None else b"=" + order.expected
        keys = self._keys_of(claim.task_id, order)
        answer = await self._scripts["settle_task"](keys, [json.dumps(given), expected, order.new])
        result: Result = answer.decode()
        return result

    def _keys_of(self, task_id: str, order: Order) -> list[str]:
        private = self._keys.private
        planner_id, plan = order.planner_id or "none", order.plan_id
        return [
            *(private(name) for name in ("pending", "marks", "claims", "attempts", "said", "look")),
            self._keys.task(task_id),
            self._keys.document(task_id),
            self._keys.planner_id(task_id),
            self._keys.redis_id(planner_id),
            private("owners"),
            *(private(name, plan) for name in ("cards", "creating", "orphans")),
            *(private(name) for name in ("tombstones", "graves", "trash")),
            private("trash", "entries"),
            private("deletes", plan),
            *(private(name) for name in ("refusals", "hashes", "missing")),
            private("cards", order.old_plan_id or plan),
            private("epochs"),
        ]

    def _order(self, claim: Claim, order: Order) -> dict[str, Any]:
        final = order.new if order.write == "set" else order.expected
        return {
            "id": claim.task_id,
            "token": claim.token,
            "mark": claim.mark,
            "planner_id": order.planner_id or None,
            "etags": order.etags,
            "notes_done": list(order.notes_done),
            "creating_done": order.creating_done,
            "created": order.created,
            "posted": order.posted,
            "state": order.state,
            "state_moved": order.state_moved,
            "release": order.release,
            "only_same": order.only_same,
            "plan": order.plan_id,
            "epoch": order.epoch or None,
            "forget": order.forget,
            "bury": order.bury,
            "keep_card": order.keep_card,
            "grave": order.grave,
            "trash": order.trash,
            "write": order.write,
            "hash": document_hash(final, order.size) if final is not None else WRONG_TYPE,
            "wrong_type": order.wrong_type,
            "size": order.size,
            "due": order.due_ms,
            "look": claim.look,
            "keep_said": order.keep_said,
            "keep_look": order.keep_look,
            "uncounted": order.uncounted,
            "refusal": order.refusal,
            "messages": self._addressed(order.messages),
            "document_messages": self._addressed(order.document_messages),
        }

    def _addressed(self, messages: Sequence[tuple[Channel, str]]) -> list[tuple[str, str]]:
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

    async def report(self, task_id: str, refusal: str, digest: str, message: str) -> None:
        """Put a refusal on record that no look has found, and say it; `digest` keeps the sweep from
        seeing it again."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hset(self._keys.private("refusals"), task_id, refusal)
            pipe.hset(self._keys.private("hashes"), task_id, digest)
            await pipe.execute()
        await self._redis.publish(self._keys.sync, message)

    async def withdraw(self, task_ids: Sequence[str]) -> None:
        """These refused documents are gone."""
        if task_ids:
            await self._redis.hdel(self._keys.private("refusals"), *task_ids)
            await self._redis.hdel(self._keys.private("hashes"), *task_ids)

    async def refusals(self) -> dict[str, str]:
        """Task id -> refusal (JSON)."""
        refusals = await self._redis.hgetall(self._keys.private("refusals"))
        return {
            task_id.decode("utf-8", "replace"): text.decode() for task_id, text in refusals.items()
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
        looks = await self._redis.hmget(self._keys.private("look"), list(task_ids))
        return {
            task_id for task_id, look in zip(task_ids, looks, strict=True) if look == b"restore"
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


def _notes(beliefs: Mapping[bytes, bytes]) -> Iterable[Note]:
    for name, value in beliefs.items():
        if name.startswith(b"note "):
            at, _, body = value.decode().partition(" ")
            yield Note(name.decode().removeprefix("note "), int(at), body)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
