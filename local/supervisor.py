"""Keeps a set of processes running: what dies is started again, after a pause that grows while it keeps dying."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from local.servers import NoServerError

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0


class Runs(Protocol):
    """A process or an embedded server."""

    @property
    def name(self) -> str:
        """What the log calls it."""
        ...

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        ...

    def start(self) -> None:
        """Start it, or raise NoServerError."""
        ...


@dataclass
class _Kept:
    runs: Runs
    since: float
    pause: float = FIRST_PAUSE
    due: float | None = None


class Supervisor:
    """Looks after what has been started; ``clock`` counts seconds and never goes back."""

    def __init__(
        self, runs: Iterable[Runs], *, say: Callable[[str, str], None], clock: Callable[[], float]
    ) -> None:
        self._say = say
        self._clock = clock
        self._kept = [_Kept(each, since=clock()) for each in runs]

    def tend(self) -> None:
        """Start again what is dead and has waited for its pause; call it several times a second."""
        for kept in self._kept:
            if kept.runs.alive:
                self._calm(kept)
            elif kept.due is None:
                self._plan(kept)
            elif self._clock() >= kept.due:
                self._start(kept)

    def _calm(self, kept: _Kept) -> None:
        if self._clock() - kept.since > STEADY_SECONDS:
            kept.pause = FIRST_PAUSE

    def _plan(self, kept: _Kept) -> None:
        self._say(kept.runs.name, f"has ended by itself; starts again in {kept.pause:g} s")
        kept.due = self._clock() + kept.pause
        kept.pause = min(kept.pause * 2, LONGEST_PAUSE)

    def _start(self, kept: _Kept) -> None:
        kept.due = None
        kept.since = self._clock()
        try:
            kept.runs.start()
        except NoServerError as error:
            self._say(kept.runs.name, str(error))
