"""The timetable of beat, as data. Two beats at once only ask twice for what is done once."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from celery.schedules import schedule

from config.settings import BeatSettings

ALERT_SECONDS = 15
HOUR = 3600
GRACE_SECONDS = 60
"""How long a message of beat may be late: the clocks of two hosts differ by less, or no lane is drained."""

EXPENSE_SECONDS = 10
"""How often beat looks whose interval has passed: often, so that polls come a few at a time and hold nobody up."""


def beat_schedule(settings: BeatSettings, *, now: Callable[[], datetime]) -> dict[str, dict[str, Any]]:
    """Return which task comes round how often; one that was not run long after its next turn is dropped.

    ``now`` tells the instant by which that is: a function of a module, as beat keeps its timetable in a file.
    """
    seconds = {
        "dispatch_due": settings.dispatch_seconds,
        "poll_all": settings.poll_seconds,
        "poll_all_expenses": EXPENSE_SECONDS,
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
