"""What a rehearsal may have left behind, known at every moment, since it may break off at any of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from language.said import say, tell
from sync.doctor.findings import failed
from sync.errors import Uncertain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sync.doctor.findings import Finding, Patient
    from sync.errors import SyncError

NAME = say("Test of the bridge, not real")
"""What everything is called that a rehearsal makes."""

TEST_ID = "bridge-test"
"""By what it is found again, in place of an id of Moment's."""


class Traces:
    """What is left in the two systems; ``announce`` hears of it before the call that makes it."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._left: dict[str, str] = {}

    @property
    def left(self) -> Sequence[str]:
        """What is there now, or may be."""
        return list(self._left.values())

    def begins(self, key: str, what: str) -> None:
        """Note what the next call makes, which may be there from now on."""
        self._left[key] = say("perhaps {what}", what=what)
        self._announce(what)

    def became(self, key: str, what: str) -> None:
        """Note what has come of it."""
        self._left[key] = what

    def gone(self, key: str) -> None:
        """Note that it is not there, or not any more."""
        self._left.pop(key, None)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a rehearsal is played on.

    Args:
        patient: the connection with both systems.
        traces: what it leaves behind.
    """

    patient: Patient
    traces: Traces

    @property
    def name(self) -> str:
        """What everything is called that it makes, in the connection's language."""
        return tell(NAME, self.patient.settings.language)


def refused(error: SyncError, *, tests: str) -> Finding:
    """Tell of a call that saves and failed; where the other system answered, by what its answer means."""
    answered = error.otherwise if isinstance(error, Uncertain) else None
    return failed(answered or error, tests=tests)
