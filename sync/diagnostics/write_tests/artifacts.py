"""What a rehearsal may have left behind, known at every moment, since it may break off at any of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from i18n.messages import msg, translate
from sync.diagnostics.findings import Finding, Target, failed
from sync.errors import OutcomeUnknownError, SyncError

NAME = msg("Test of the integration, not real")
"""What everything is called that a rehearsal makes."""

TEST_ID = "bridge-test"
"""By what it is found again, in place of an id of Moment's."""


class WriteTestArtifacts:
    """What is left in the two systems; ``announce`` hears of it before the call that makes it."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._left: dict[str, str] = {}

    @property
    def remaining(self) -> Sequence[str]:
        """What is there now, or may be."""
        return list(self._left.values())

    def creating(self, key: str, what: str) -> None:
        """Note what the next call makes, which may be there from now on."""
        self._left[key] = msg("possibly {what}", what=what)
        self._announce(what)

    def created(self, key: str, what: str) -> None:
        self._left[key] = what

    def removed(self, key: str) -> None:
        self._left.pop(key, None)


@dataclass(frozen=True, slots=True)
class WriteTestContext:
    target: Target
    artifacts: WriteTestArtifacts

    @property
    def name(self) -> str:
        """What everything is called that it makes, in the connection's language."""
        return translate(NAME, self.target.settings.language)


def write_failed(error: SyncError, *, tests: str) -> Finding:
    """Report a call that saves and failed; where the other system answered, by what its answer means."""
    answered = error.otherwise if isinstance(error, OutcomeUnknownError) else None
    return failed(answered or error, tests=tests)
