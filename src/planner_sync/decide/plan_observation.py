"""What one pass over a plan has found out so far, as a value.

It starts with one listing and one reading of Redis. The answers to `questions` join it, and after
each stage what the visits of that stage have changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from planner_sync.decide.lost_creates import true_as_of
from planner_sync.decide.unmapped import IMPORT_ID
from planner_sync.model import timing
from planner_sync.model.card import Card
from planner_sync.model.records import Orphan
from planner_sync.model.task import PLANNER_ID, Document

# Planner's answer about one card that was asked for by its id. "elsewhere": it is in a plan that we
# may not read. None: no answer.
Answer = Card | Literal["gone", "forbidden", "elsewhere"] | None

DETAILS_AT_LEAST = 40
ASKED_WHEN_EMPTY = 20
CARD_SHOWS_MS = timing.NEW_CARD_CERTAIN_MS


@dataclass(frozen=True)
class Documents:
    """The agents' side, read only after a loss of Redis.

    `free`: ids of all documents without a card. `parsed`: those of them that can be read, and those
    whose card the listing lacks. `public`: planner id -> task id where both directions of the
    public mapping agree. `mapped`: every task with a card, read after the documents. `lost`: those
    of this plan that have no document.
    """

    free: frozenset[str] = frozenset()
    parsed: Mapping[str, Document] = field(default_factory=dict)
    public: Mapping[str, str] = field(default_factory=dict)
    mapped: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()


@dataclass(frozen=True)
class PlanObservation:
    """One plan. All ids of cards are planner ids; times are the server's (ms).

    From Planner: `listed` are all cards of a complete listing that began at `began`. `cards` are
    those of them whose etags are not the known ones, in the listing's order; the details may be
    missing. `unreadable` are JSON that is no card, `unread` cards whose details do not show yet.
    `answers` are for cards that were asked for by id. `names_now` (JSON) was read if it was time.

    From Redis: `known` has the etags of mapped cards, `owners` the task of each listed, known or
    named card. `unowned` are the listed cards that had no task at first and that are not known to
    be deleted. With orphans also `mapped`, every task with a card, and `with_document`, those of
    the orphans' tasks that have one.

    From this process: `listed_before` is what the last pass saw, `details_after` the card at which
    its reading of details ended.

    Of this pass: `epoch` is what an import must still find, `recovering`: Redis has lost
    something. `asked` are the visits of this stage, by what they are about, `places` the cards of
    open creates (by task id) by their place in time. `ended_creates` are tasks whose create was
    open at first: whether they have a card now is not known. `held_back` are cards that must not
    be imported in this pass, `adoption_failed` that one could not be visited.
    """

    plan_id: str
    began: int
    epoch: str = ""
    recovering: bool = False
    listed: frozenset[str] = frozenset()
    cards: Mapping[str, Card] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    unread: frozenset[str] = frozenset()
    brings_details: bool = True
    answers: Mapping[str, Answer] = field(default_factory=dict)
    names_now: str | None = None
    names_before: str | None = None
    known: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    unowned: frozenset[str] = frozenset()
    tombstones: frozenset[str] = frozenset()
    creates: Mapping[str, int] = field(default_factory=dict)
    ended_creates: frozenset[str] = frozenset()
    unmapped_passes: Mapping[str, int] = field(default_factory=dict)
    orphans: Mapping[str, Orphan] = field(default_factory=dict)
    application: str | None = None
    mapped: frozenset[str] = frozenset()
    with_document: frozenset[str] = frozenset()
    documents: Documents = Documents()
    listed_before: frozenset[str] = frozenset()
    details_after: str = ""
    asked: frozenset[str] = frozenset()
    places: Mapping[str, Card] = field(default_factory=dict)
    held_back: frozenset[str] = frozenset()
    adoption_failed: bool = False

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """The cards that the listing lacks: known, listed before, or named after a loss."""
        before = self.listed_before | self.unmapped_passes.keys()
        if self.recovering and not self.listed:
            before |= set(self._named()[:ASKED_WHEN_EMPTY])
        ids = [*self.known, *sorted(before - self.known.keys())]
        return tuple(pid for pid in ids if pid not in self.listed)

    def _named(self) -> list[str]:
        """The cards that documents without a card name: inside, or by their own id."""
        free = sorted(self.documents.free)
        inside = [self.documents.parsed[t].planner_id for t in free if t in self.documents.parsed]
        by_own_id = [t.removeprefix(IMPORT_ID) for t in free if t.startswith(IMPORT_ID)]
        named = [pid for pid in inside if pid and pid not in self.owners]
        ids = dict.fromkeys([*named, *by_own_id])
        return [pid for pid in ids if PLANNER_ID.fullmatch(pid)]

    @cached_property
    def gone(self) -> tuple[str, ...]:
        """The known cards that Planner does not have any more."""
        return tuple(pid for pid in self.known if self.answers.get(pid) == "gone")

    @property
    def left_out(self) -> tuple[Card, ...]:
        """Cards that are in this plan and that the listing lacks."""
        cards = (self.answers.get(pid) for pid in self.missing)
        return tuple(c for c in cards if isinstance(c, Card) and c.plan_id == self.plan_id)

    @property
    def listed_now(self) -> frozenset[str]:
        """What the next pass must find again, or ask for: listed, or not known to be away."""
        return self.listed | {pid for pid in self.missing if not self._is_away(pid)}

    def _is_away(self, planner_id: str) -> bool:
        answer = self.answers.get(planner_id)
        return answer == "gone" or (isinstance(answer, Card) and answer.plan_id != self.plan_id)

    @cached_property
    def as_of(self) -> int | None:
        """As of when the listing shows all cards (server's time, ms). None: it proves nothing.

        A card that cannot be read may be the one that a lost create has made.
        """
        lacking: list[Card | str | None] = [
            self.answers.get(pid)
            for pid in self.missing
            if not self._is_away(pid) and self.answers.get(pid) != "elsewhere"
        ]
        if self.unreadable & self.unowned:
            lacking.append(None)
        return true_as_of(self.began, lacking)

    @cached_property
    def alone(self) -> tuple[Card, ...]:
        """The readable cards that have no task, and that no visit of this pass has taken."""
        return tuple(card for pid, card in self.cards.items() if self._is_alone(pid))

    def _is_alone(self, planner_id: str) -> bool:
        if planner_id not in self.unowned or planner_id in self.held_back:
            return False
        return planner_id not in self.owners and planner_id not in self.tombstones

    @property
    def alone_and_read(self) -> tuple[Card, ...]:
        """The same, with their details."""
        return tuple(card for card in self.alone if card.id not in self.unread)

    @cached_property
    def with_card(self) -> frozenset[str]:
        """Every task that has a card, as far as it was read at the same moment as the orphans."""
        return self.mapped.union(self.owners.values())

    def refreshed(
        self, owners: Mapping[str, str], creates: Mapping[str, int], application: str | None
    ) -> "PlanObservation":
        """After visits. Creates that began since the listing are not in it, so they do not count;
        one that was sent again keeps the time that its first card is matched by.
        """
        return replace(
            self,
            owners={**self.owners, **owners},
            creates={task_id: at for task_id, at in self.creates.items() if task_id in creates},
            ended_creates=self.ended_creates.union(self.creates.keys() - creates.keys()),
            application=application,
        )


@dataclass(frozen=True)
class Questions:
    """What Planner must be asked before anything is decided.

    `cards` are asked for by their ids. `details` are read for listed cards: of `new` ones that the
    listing brought without, and of some known ones, by turns.
    """

    cards: tuple[str, ...]
    new: tuple[str, ...]
    by_turns: tuple[str, ...]


def questions(seen: PlanObservation) -> Questions:
    """
    card                                                   question
    known or listed before, and not listed now             the card, by its id
    an orphan that had time to show, and is not listed     the same
    without a task, listed without details                 its details
    known, its etag unchanged, listed without details      its details, some in each pass
    """
    orphans = (pid for pid, orphan in seen.orphans.items() if should_show(seen, pid, orphan))
    return Questions(
        cards=tuple(dict.fromkeys([*seen.missing, *orphans])),
        new=tuple(card.id for card in seen.alone if card.details_etag is None),
        by_turns=() if seen.brings_details else _by_turns(seen),
    )


def should_show(seen: PlanObservation, planner_id: str, orphan: Orphan) -> bool:
    return planner_id not in seen.listed and orphan.at + CARD_SHOWS_MS < seen.began


def _by_turns(seen: PlanObservation) -> tuple[str, ...]:
    """An edit of a description may leave the etag of the task alone."""
    quiet = sorted(pid for pid in seen.known if pid in seen.listed and pid not in seen.cards)
    later = [pid for pid in quiet if pid > seen.details_after]
    sooner = [pid for pid in quiet if pid <= seen.details_after]
    return tuple([*later, *sooner][:DETAILS_AT_LEAST])


def forbidden(seen: PlanObservation) -> Iterator[str]:
    """Cards to ask for a second time, while the plan answers: those that stay forbidden are in a
    plan that we may not read. Only open creates need to know.
    """
    if seen.creates:
        yield from (pid for pid in seen.missing if seen.answers.get(pid) == "forbidden")
