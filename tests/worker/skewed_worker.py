"""The worker's own app on a host whose clock is wrong, by a file in the test's folder."""

import os
from pathlib import Path

from tests.chaos.clocks import HostClock

HostClock(Path(os.environ["CLOCK_FOLDER"]), "here").install()

from worker.celery_app import app  # noqa: E402 - it reads the clock

__all__ = ["app"]
