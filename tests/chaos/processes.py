"""What makes the product's processes those of a chaotic day; told to them by their environment."""

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
    """Return what the processes are to find in their environment.

    ``silence`` is the seconds after which a connection to PostgreSQL is given up where nothing comes back.
    """
    return {**SETTINGS, FOLDER: str(folder), MISTAKES: ",".join(mistakes), SILENCE: str(silence)}


def prepare() -> None:
    """Make this process hurry, and die or err as its environment says."""
    hurry(silence=int(os.environ[SILENCE]))
    planted_bugs.plant(filter(None, os.environ[MISTAKES].split(",")))
    folder, host = Path(os.environ[FOLDER]), os.environ.get(NAME, "")
    crashes = Crashes(folder, host=host)
    crashes.install()
    if name := os.environ.get(CLOCK_OF):
        HostClock(folder, name).install()
        count_lanes_left(crashes)
