"""What we believe of one task: the base, and what each field has been through since. A value,
stored as JSON.

Knows no Redis and no Graph: it is read and written by the reconciler, and changed only by the
methods below, each of which returns a new state.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from planner_sync.model.task import Value

VERSION = 1
PAST_VALUES = 20
LONG = 64


@dataclass(frozen=True)
class FieldHistory:
    """What one atom has been through.

    `past_values` are the tokens of the values that it had before (newest last, 20 at most), `last_human_rev` is the
    revision that showed the last human change, `notified_revs` are the revisions that were told of a
    conflict since then.
    """

    past_values: tuple[str, ...] = ()
    last_human_rev: int = 0
    notified_revs: frozenset[int] = frozenset()

    def remember(self, value: Value | None) -> Self:
        """This is a value that the atom has had."""
        kept = [past for past in self.past_values if past != token(value)]
        return replace(self, past_values=(*kept, token(value))[-PAST_VALUES:])


@dataclass(frozen=True)
class SyncState:
    """One mapped task.

    `base` are the atoms on which both sides last agreed, with the etags of that moment (one is
    empty while that part was never read). `rev` is the `_rev` that was stamped last. `shown` are
    the fields that the document carries. `name_bindings` says what names in the document meant when it was
    last settled ("bucket Doing" -> id). `unreported_uploads` and `unreported_edits` are fields whose message is still
    owed to the agents, `unsent_messages` whole messages. `settled_at` is the server's time (ms), and so is
    `born`, when we made the card. `adopted` is the revision that the document had when it met a
    card of which we knew nothing: what happened before is unknown, so a human may have.
    """

    planner_id: str
    plan_id: str
    etag: str
    details_etag: str = ""
    base: Mapping[str, Value] = field(default_factory=dict)
    rev: int = 0
    histories: Mapping[str, FieldHistory] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    name_bindings: Mapping[str, str] = field(default_factory=dict)
    dialect: str = "camelCase"
    created: bool = False
    unreported_uploads: tuple[str, ...] = ()
    unreported_edits: tuple[str, ...] = ()
    unsent_messages: tuple[Mapping[str, Any], ...] = ()
    settled_at: int = 0
    born: int = 0
    adopted: int = 0

    @property
    def etags(self) -> str:
        """As the list of the plan's cards keeps them."""
        return f"{self.etag} {self.details_etag}"

    def history(self, atom: str) -> FieldHistory:
        """What the atom has been through."""
        return self.histories.get(atom, FieldHistory(last_human_rev=self.adopted))

    def agree(self, atoms: Mapping[str, Value | None]) -> Self:
        """Both sides hold these values now (None: not set)."""
        base, histories = dict(self.base), dict(self.histories)
        for atom, value in atoms.items():
            if base.get(atom) == value:
                continue
            histories[atom] = self.history(atom).remember(base.get(atom))
            if value is None:
                base.pop(atom, None)
            else:
                base[atom] = value
        return replace(self, base=base, histories=histories)

    def see_human(self, atoms: Iterable[str], rev: int) -> Self:
        """A human changed these atoms; the document of revision `rev` is the first to show it."""
        histories = dict(self.histories)
        for atom in atoms:
            histories[atom] = replace(
                self.history(atom), last_human_rev=rev, notified_revs=frozenset()
            )
        return replace(self, histories=histories)

    def with_uploads(self, fields: Collection[str], document_fields: Collection[str]) -> Self:
        """These fields have reached Planner: agents are to be told, and the document is to show them.

        It shows them even if its writer has left them out since. The bucket is shown by the name or
        by the id, whichever was shown before or is among the `document_fields`.
        """
        new = set(fields)
        if "bucketId" in new:
            ways = {"bucket", "bucketId"} & {*self.shown, *document_fields}
            new = new - {"bucketId"} | (ways or {"bucket"})
        unreported = dict.fromkeys((*self.unreported_uploads, *fields))
        shown = sorted({*self.shown, *new})
        return replace(self, unreported_uploads=tuple(unreported), shown=tuple(shown))

    def leave(self, plan_id: str, rev: int) -> Self:
        """The card is not in this plan any more: who names it in a document older than `rev` has
        not seen that."""
        history = replace(self.history("planId").remember(plan_id), last_human_rev=rev)
        return replace(self, histories={**self.histories, "planId": history})

    def tell(self, atom: str, rev: int, lost: Value | None) -> Self:
        """The writer of revision `rev` was told that its value of the atom was not taken."""
        history = self.history(atom).remember(lost)
        return replace(
            self,
            histories={
                **self.histories,
                atom: replace(history, notified_revs=history.notified_revs | {rev}),
            },
        )

    def dump(self) -> str:
        """JSON, read back by `load`."""
        body = asdict(self)
        body["histories"] = {
            atom: [history.past_values, history.last_human_rev, sorted(history.notified_revs)]
            for atom, history in self.histories.items()
        }
        return json.dumps({"version": VERSION, **body}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Self:
        """The state that `dump` wrote. Raises ValueError for one that a newer version wrote."""
        body = json.loads(text)
        if body.pop("version") != VERSION:
            raise ValueError("this state was written by another version of the service")
        histories = {
            atom: FieldHistory(tuple(past), human, frozenset(told))
            for atom, (past, human, told) in body["histories"].items()
        }
        for name in ("shown", "unreported_uploads", "unreported_edits", "unsent_messages"):
            body[name] = tuple(body[name])
        return cls(**{**body, "histories": histories})


def token(value: Value | None) -> str:
    """A short form by which a value is recognised later: itself as JSON, or a hash when it is
    long."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= LONG:
        return text
    return "#" + hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
