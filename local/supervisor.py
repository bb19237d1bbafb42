"""Keeps processes running: what dies is started again, after a pause that grows while it keeps dying."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from local.processes import Child, Log
from local.servers import NoServerError

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0


@dataclass(kw_only=True)
class _Restarts:
    child: Child
    started_at: float
    pause: float = FIRST_PAUSE
    due: float | None = None


class Supervisor:
    """Looks after what has been started; ``clock`` counts seconds and never goes back."""

    def __init__(self, children: Iterable[Child], *, log: Log, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._restarts = [_Restarts(child=child, started_at=clock()) for child in children]

    def check(self) -> None:
        """Start again what is dead and has waited for its pause; call it several times a second."""
        for restarts in self._restarts:
            if restarts.child.alive:
                if self._clock() - restarts.started_at > STEADY_SECONDS:
                    restarts.pause = FIRST_PAUSE
            elif restarts.due is None:
                self._log(restarts.child.name, f"has ended by itself; starts again in {restarts.pause:g} s")
                restarts.due = self._clock() + restarts.pause
                restarts.pause = min(restarts.pause * 2, LONGEST_PAUSE)
            elif self._clock() >= restarts.due:
                self._start(restarts)

    def _start(self, restarts: _Restarts) -> None:
        restarts.due = None
        restarts.started_at = self._clock()
        try:
            restarts.child.start()
        except NoServerError as error:
            self._log(restarts.child.name, str(error))
