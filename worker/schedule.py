"""Beat's schedule. Two beats at once dispatch twice, but the work is done once.

How often a connection is polled for expenses, and less often at night, is in :mod:`sync.polling.expense_schedule`.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from celery.schedules import schedule

from config.settings import BeatSettings

ALERT_SECONDS = 15
HOUR = 3600
GRACE_SECONDS = 60
"""How late a message of beat may be: if the clocks of two hosts differ by more, no lane is drained."""

EXPENSE_ROUND_SECONDS = 10
"""How often beat checks which polls are due. It is often, so that only a few start at a time."""


def beat_schedule(settings: BeatSettings, *, now: Callable[[], datetime]) -> dict[str, dict[str, Any]]:
    """Return the interval of each task. ``now`` must be a function of a module, because beat stores it."""
    seconds = {
        "dispatch_due": settings.dispatch_seconds,
        "poll_all": settings.poll_seconds,
        "poll_all_expenses": EXPENSE_ROUND_SECONDS,
        "send_alerts": ALERT_SECONDS,
        "send_reminders": HOUR,
        "delete_old": HOUR,
    }
    return {
        task: {
            "task": task,
            "schedule": schedule(timedelta(seconds=every), nowfun=now),
            "options": {"expires": every + GRACE_SECONDS},
        }
        for task, every in seconds.items()
    }
