"""What makes the product's processes those of a chaotic day; told to them by their environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.chaos import planted
from tests.chaos.crashes import Crashes
from tests.chaos.hosts import NAME
from tests.chaos.hurry import SETTINGS, hurry

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER, MISTAKES = "CHAOS_FOLDER", "CHAOS_MISTAKES"


def environment(folder: Path, mistakes: Iterable[str]) -> dict[str, str]:
    """Tell what the processes are to find in their environment."""
    return {**SETTINGS, FOLDER: str(folder), MISTAKES: ",".join(mistakes)}


def prepare() -> None:
    """Make this process hurry, and die or err as its environment says."""
    hurry()
    planted.plant(filter(None, os.environ[MISTAKES].split(",")))
    Crashes(Path(os.environ[FOLDER]), host=os.environ.get(NAME, "")).install()
