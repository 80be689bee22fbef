"""The sync state of one task: the base, and the history of each atom. A value, stored as JSON.

It is changed only by the methods below; each returns a new state.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from planner_sync.model.task import Value

VERSION = 2
PAST_VALUES = 20
TOKEN_MAX = 64


@dataclass(frozen=True)
class FieldHistory:
    """The history of one atom.

    `past_values` are the tokens of its earlier values, newest last, 20 at most. `last_human_rev` is
    the revision that first showed the last human change. `notified_revs` are the revisions whose
    writers have had a conflict message since then.
    """

    past_values: tuple[str, ...] = ()
    last_human_rev: int = 0
    notified_revs: frozenset[int] = frozenset()

    def remember(self, value: Value | None) -> Self:
        """Add a value that the atom has had."""
        kept = [past for past in self.past_values if past != token(value)]
        return replace(self, past_values=(*kept, token(value))[-PAST_VALUES:])


@dataclass(frozen=True)
class SyncState:
    """One mapped task.

    `base` are the atoms on which both sides last agreed, and the etags are of that moment; an empty
    etag: that part was never read. `rev` is the last `_rev` that was stamped. `shown` are the
    fields that the document carries.

    `name_bindings` has the id of each name in the document when it was last settled: "bucket
    Doing" -> id. Older meanings stand under "was bucket Doing".

    Agents are still owed messages about the fields `unreported_uploads` and `unreported_edits`, and
    the whole messages `unsent_messages`.

    `settled_at` is the server's time (ms); so is `born`, when the service made the card. `adopted`
    is the revision of the document when it was linked to a card without a base: what happened
    before is unknown, so any older revision may have missed a human change.
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
        """Both etags, as the list of the plan's cards keeps them."""
        return f"{self.etag} {self.details_etag}"

    def history(self, atom: str) -> FieldHistory:
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
        """These fields have reached Planner: agents are to be told, and the document is to show
        them.

        It shows them even if its writer has left them out since. The bucket is shown by the name or
        by the id, as it was shown before or as the `document_fields` have it.
        """
        new = set(fields)
        if "bucketId" in new:
            ways = {"bucket", "bucketId"} & {*self.shown, *document_fields}
            new = new - {"bucketId"} | (ways or {"bucket"})
        unreported = dict.fromkeys((*self.unreported_uploads, *fields))
        shown = sorted({*self.shown, *new})
        return replace(self, unreported_uploads=tuple(unreported), shown=tuple(shown))

    def leave(self, plan_id: str, rev: int) -> Self:
        """The card has left this plan. The writer of a document older than `rev` has not seen
        that."""
        history = replace(self.history("planId").remember(plan_id), last_human_rev=rev)
        return replace(self, histories={**self.histories, "planId": history})

    def tell(self, atom: str, rev: int, lost: Value | None) -> Self:
        """The writer of revision `rev` is notified that its value of the atom was not taken."""
        history = self.history(atom).remember(lost)
        history = replace(history, notified_revs=history.notified_revs | {rev})
        return replace(self, histories={**self.histories, atom: history})

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
            atom: FieldHistory(tuple(past_values), last_human_rev, frozenset(notified_revs))
            for atom, (past_values, last_human_rev, notified_revs) in body["histories"].items()
        }
        for name in ("shown", "unreported_uploads", "unreported_edits", "unsent_messages"):
            body[name] = tuple(body[name])
        return cls(**{**body, "histories": histories})


def token(value: Value | None) -> str:
    """A short form by which a value is recognised later: its JSON, or `#` and a hash when that is
    long."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= TOKEN_MAX:
        return text
    data = text.encode("utf-8", "surrogatepass")
    return "#" + hashlib.blake2b(data, digest_size=12).hexdigest()


def value_of(token: str) -> Value | None:
    """The value whose token this is. Raises ValueError for a hash."""
    value: Value | None = json.loads(token)
    return value
