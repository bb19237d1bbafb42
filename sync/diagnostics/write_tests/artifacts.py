"""What the write tests may have left behind, known at every moment, since they may break off at any."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from i18n.messages import msg, translate
from sync.diagnostics.findings import Finding, Target, failed
from sync.errors import OutcomeUnknownError, SyncError

NAME = msg("Test of the integration, not real")
"""The name of everything that a write test makes."""

TEST_ID = "bridge-test"
"""The external id by which it is found again, instead of Moment's id."""


class WriteTestArtifacts:
    """The records left in the two systems; ``announce`` is called before the call that creates one."""

    def __init__(self, announce: Callable[[str], None]) -> None:
        self._announce = announce
        self._left: dict[str, str] = {}

    @property
    def remaining(self) -> Sequence[str]:
        """What exists now, or may exist."""
        return list(self._left.values())

    def creating(self, key: str, what: str) -> None:
        """Note what the next call makes, as it may exist from now on."""
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
        """The name of everything that the tests make, in the connection's language."""
        return translate(NAME, self.target.settings.language)


def write_failed(error: SyncError, *, tests: str) -> Finding:
    """Report a write that failed, by the meaning of the other system's response if there was one."""
    answered = error.otherwise if isinstance(error, OutcomeUnknownError) else None
    return failed(answered or error, tests=tests)
