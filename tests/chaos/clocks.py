"""A wrong clock for the host of a worker: a file has its offset, which may change while the worker runs.

The machine has only one clock, so a process is patched to misread it, wherever the product or Celery compares the
time of day with that of other hosts. Monotonic seconds stay right, as on any host.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from functools import wraps
from pathlib import Path
from time import time
from typing import Any

from celery import Celery
from celery.worker import request
from kombu.transport import redis

from tests.chaos.crashes import Crashes
from worker import clock, clock_check, container

CLOCK_OF = "CHAOS_CLOCK"
"""The environment variable with the name of the host whose clock a process reads."""

LEFT_LANES = "clock off, lane left to others"
"""The counter of workers that notice their wrong clock."""


class HostClock:
    """The clock of a host, by a file with the seconds that it is ahead of the true time."""

    def __init__(self, folder: Path, host: str) -> None:
        self._file = folder / f"clock of {host}"

    def set(self, seconds: float) -> None:
        """Set the clock ahead by ``seconds``, or back if they are negative."""
        changed = self._file.with_suffix(".new")
        changed.write_text(str(seconds))
        changed.rename(self._file)

    def ahead(self) -> float:
        return float(self._file.read_text()) if self._file.exists() else 0

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead())

    def install(self) -> None:
        """Make this process use the clock of its host."""

        class Datetime(datetime):
            """The datetime of Celery, which compares when a message expires."""

            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # no instance of it is needed
                return self.now().astimezone(tz)

        misread: tuple[tuple[Any, str, Any], ...] = (
            (clock, "host_clock", self.now),
            (container, "clock", self.now),
            (request, "datetime", Datetime),
            (Celery, "now", lambda app: self.now().astimezone(app.timezone)),
            (redis, "time", lambda: time() + self.ahead()),
        )
        for owner, name, function in misread:
            setattr(owner, name, function)


def count_lanes_left(crashes: Crashes) -> None:
    """Count when a worker leaves a lane because its clock is wrong."""
    off: Any = _counted(clock_check.is_off, crashes)
    clock_check.is_off = off


def _counted(
    is_off: Callable[[container.Container], bool], crashes: Crashes
) -> Callable[[container.Container], bool]:
    @wraps(is_off)
    def noticing(ours: container.Container) -> bool:
        off = is_off(ours)
        if (
            off and ours.shared_clock.skew is not None
        ):  # otherwise PostgreSQL has not answered yet: no fault of the host
            crashes.note(LEFT_LANES)
        return off

    return noticing
