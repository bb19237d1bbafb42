"""What a person filters a list of changes by, as it stands in the address and survives from page to page."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlencode

from models.overview import called
from models.wanted import Wanted
from models.words import Kind, Outcome, Scope, State
from sync.cleaning import clean
from worker.wiring import bridge

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

LONGEST = 100

OUTCOMES = {
    "imported": frozenset({Outcome.SYNCED, Outcome.UNCHANGED}),
    "skipped": frozenset({Outcome.SKIPPED}),
    "failed": frozenset({Outcome.FAILED}),
}
"""How the last attempt ended, in the words of an address."""

KNOWN: Mapping[str, Collection[str]] = {"state": set(State), "outcome": OUTCOMES, "kind": set(Kind)}
"""What may stand in the fields that take only certain words."""


@dataclass(frozen=True, slots=True)
class Filter:
    """All fields are as in the address; what means nothing there is empty, and asks for nothing."""

    state: str = ""
    outcome: str = ""
    kind: str = ""
    company: str = ""
    reason: str = ""
    text: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Take what an address or a form holds, and leave what makes no sense."""
        said = {name: clean(str(given.get(name, "")), longest=LONGEST) for name in cls.__slots__}
        return cls(**{name: value for name, value in said.items() if name not in KNOWN or value in KNOWN[name]})

    @property
    def given(self) -> dict[str, str]:
        """What is asked for, for a form to carry on."""
        return {name: value for name, value in asdict(self).items() if value}

    def address(self, path: str, **more: object) -> str:
        """Tell the address of a list that is filtered so; what is empty in ``more`` is left out."""
        query = self.given | {name: str(value) for name, value in more.items() if value}
        return f"{path}?{urlencode(query)}" if query else path

    def wanted(self, scope: Scope) -> Wanted:
        """Say what it means, within what the person sees."""
        if self.company:
            scope = Scope(called(bridge().database, scope, self.company))
        return Wanted(
            scope=scope,
            kind=Kind(self.kind) if self.kind else None,
            states=frozenset({State(self.state)} if self.state else ()),
            outcomes=OUTCOMES.get(self.outcome, frozenset()),
            reason=self.reason,
            text=self.text,
        )
