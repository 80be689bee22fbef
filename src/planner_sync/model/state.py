"""What we believe of one task: the base, and what each field has been through since. A value,
stored as JSON.

Knows no Redis and no Graph: it is read and written by the reconciler, and changed only by the
methods below, each of which returns a new belief.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from planner_sync.model.task import Value

VERSION = 1
PAST_VALUES = 20
LONG = 64


@dataclass(frozen=True)
class Trail:
    """What one atom has been through.

    `past` are the tokens of the values that it had before (newest last, 20 at most), `human` is the
    revision that showed the last human change, `told` are the revisions that were told of a
    conflict since then.
    """

    past: tuple[str, ...] = ()
    human: int = 0
    told: frozenset[int] = frozenset()

    def remember(self, value: Value | None) -> Self:
        """This is a value that the atom has had."""
        kept = [past for past in self.past if past != token(value)]
        return replace(self, past=(*kept, token(value))[-PAST_VALUES:])


@dataclass(frozen=True)
class Belief:
    """One mapped task.

    `base` are the atoms on which both sides last agreed, with the etags of that moment (one is
    empty while that part was never read). `rev` is the `_rev` that was stamped last. `shown` are
    the fields that the document carries. `meant` says what names in the document meant when it was
    last settled ("bucket Doing" -> id). `uploaded` and `untold` are fields whose message is still
    owed to the agents, `unsaid` whole messages. `settled_at` is the server's time (ms), and so is
    `born`, when we made the card. `adopted` is the revision that the document had when it met a
    card of which we knew nothing: what happened before is unknown, so a human may have.
    """

    planner_id: str
    plan_id: str
    etag: str
    details_etag: str = ""
    base: Mapping[str, Value] = field(default_factory=dict)
    rev: int = 0
    trails: Mapping[str, Trail] = field(default_factory=dict)
    shown: tuple[str, ...] = ()
    meant: Mapping[str, str] = field(default_factory=dict)
    dialect: str = "camelCase"
    created: bool = False
    uploaded: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    unsaid: tuple[Mapping[str, Any], ...] = ()
    settled_at: int = 0
    born: int = 0
    adopted: int = 0

    @property
    def etags(self) -> str:
        """As the list of the plan's cards keeps them."""
        return f"{self.etag} {self.details_etag}"

    def trail(self, atom: str) -> Trail:
        """What the atom has been through."""
        return self.trails.get(atom, Trail(human=self.adopted))

    def agree(self, atoms: Mapping[str, Value | None]) -> Self:
        """Both sides hold these values now (None: not set)."""
        base, trails = dict(self.base), dict(self.trails)
        for atom, value in atoms.items():
            if base.get(atom) == value:
                continue
            trails[atom] = self.trail(atom).remember(base.get(atom))
            if value is None:
                base.pop(atom, None)
            else:
                base[atom] = value
        return replace(self, base=base, trails=trails)

    def see_human(self, atoms: Iterable[str], rev: int) -> Self:
        """A human changed these atoms; the document of revision `rev` is the first to show it."""
        trails = dict(self.trails)
        for atom in atoms:
            trails[atom] = replace(self.trail(atom), human=rev, told=frozenset())
        return replace(self, trails=trails)

    def leave(self, plan_id: str, rev: int) -> Self:
        """The card is not in this plan any more: who names it in a document older than `rev` has
        not seen that."""
        trail = replace(self.trail("planId").remember(plan_id), human=rev)
        return replace(self, trails={**self.trails, "planId": trail})

    def tell(self, atom: str, rev: int, lost: Value | None) -> Self:
        """The writer of revision `rev` was told that its value of the atom was not taken."""
        trail = self.trail(atom).remember(lost)
        return replace(self, trails={**self.trails, atom: replace(trail, told=trail.told | {rev})})

    def dump(self) -> str:
        """JSON, read back by `load`."""
        body = asdict(self)
        body["trails"] = {
            atom: [trail.past, trail.human, sorted(trail.told)]
            for atom, trail in self.trails.items()
        }
        return json.dumps({"version": VERSION, **body}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Self:
        """The belief that `dump` wrote. Raises ValueError for one that a newer version wrote."""
        body = json.loads(text)
        if body.pop("version") != VERSION:
            raise ValueError("this belief was written by another version of the service")
        trails = {
            atom: Trail(tuple(past), human, frozenset(told))
            for atom, (past, human, told) in body["trails"].items()
        }
        for name in ("shown", "uploaded", "untold", "unsaid"):
            body[name] = tuple(body[name])
        return cls(**{**body, "trails": trails})


def token(value: Value | None) -> str:
    """A short form by which a value is recognised later: itself as JSON, or a hash when it is
    long."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= LONG:
        return text
    return "#" + hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
