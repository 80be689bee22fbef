"""The user behind an e-mail address or a user id: asked once, remembered here and in Redis."""

from collections.abc import Mapping, Sequence

from planner_sync.errors import Forbidden, Refusal
from planner_sync.graph.planner import Planner
from planner_sync.model.task import person_kind
from planner_sync.store.directory import Directory


class People:
    """Every user that was looked up, for one process."""

    def __init__(self, planner: Planner, directory: Directory) -> None:
        self._planner = planner
        self._directory = directory
        self._known: dict[str, str] = {}

    @property
    def known(self) -> Mapping[str, str]:
        """User ids by e-mail address or id, both in lower case."""
        return self._known

    async def find(self, texts: Sequence[str]) -> None:
        """Look up those that are not known yet. Raises Refusal (unknown_person)."""
        wanted = [text.lower() for text in texts if text.lower() not in self._known]
        self._known.update(await self._directory.find(wanted))
        for text in wanted:
            if text not in self._known:
                self._known[text] = await self._ask(text)
                await self._directory.record(text, self._known[text])

    async def _ask(self, text: str) -> str:
        try:
            user = await self._planner.find_user(text)
        except Forbidden as error:
            if person_kind(text) == "user":
                return text  # without the right to read users; Planner will refuse a wrong id
            reason = (
                f"assignedTo: {text} cannot be looked up, the right User.ReadBasic.All is missing"
            )
            raise Refusal("unknown_person", reason, "assignedTo") from error
        if user is None:
            raise Refusal(
                "unknown_person", f"assignedTo: {text} is not a user of this tenant", "assignedTo"
            )
        return user.lower()
