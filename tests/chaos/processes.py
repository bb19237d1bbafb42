"""Turns the product's processes into those of a chaotic day, by their environment."""

import os
from collections.abc import Iterable
from pathlib import Path

from tests.chaos import planted_bugs
from tests.chaos.clocks import CLOCK_OF, HostClock, count_lanes_left
from tests.chaos.crashes import Crashes
from tests.chaos.hosts import NAME
from tests.chaos.short_timeouts import SETTINGS, hurry

FOLDER, MISTAKES, SILENCE = "CHAOS_FOLDER", "CHAOS_MISTAKES", "CHAOS_SILENCE"


def environment(folder: Path, mistakes: Iterable[str], *, silence: int) -> dict[str, str]:
    """Return the environment of the processes.

    ``silence`` is the seconds after which a silent connection to PostgreSQL is given up.
    """
    return {**SETTINGS, FOLDER: str(folder), MISTAKES: ",".join(mistakes), SILENCE: str(silence)}


def prepare() -> None:
    """Apply the timeouts, crash points and bugs of its environment to this process."""
    hurry(silence=int(os.environ[SILENCE]))
    planted_bugs.plant(filter(None, os.environ[MISTAKES].split(",")))
    folder, host = Path(os.environ[FOLDER]), os.environ.get(NAME, "")
    crashes = Crashes(folder, host=host)
    crashes.install()
    if name := os.environ.get(CLOCK_OF):
        HostClock(folder, name).install()
        count_lanes_left(crashes)
