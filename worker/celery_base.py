"""The base of the Celery apps of the workers and of beat: settings, clock and routes."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from celery import Celery

from config.settings import BeatSettings, WrongSettingsError, read_settings
from worker.queues import QUEUE_OF, broker_configuration

S = TypeVar("S", bound=BeatSettings)


class SharedClockApp(Celery):
    """Expires messages by the clock that hosts share, so that a wrong host clock stops no sweep."""

    def __init__(self, *, shared_now: Callable[[], datetime], **options: Any) -> None:  # noqa: ANN401 - Celery's
        self._shared_now = shared_now
        super().__init__("moment24", set_as_current=False, **options)

    def now(self) -> datetime:
        """Return the present instant; Celery would use the host's clock."""
        return self._shared_now()


def settings_or_exit(type_: type[S]) -> S:
    """Read the settings, or exit with a sentence: Celery would print a traceback, or start without them."""
    try:
        return read_settings(type_)
    except WrongSettingsError as error:
        raise SystemExit(f"Error: {error}") from None


def base_configuration(settings: BeatSettings) -> dict[str, Any]:
    return {
        **broker_configuration(settings.redis_url.get_secret_value()),
        "task_routes": {task: {"queue": queue} for task, queue in QUEUE_OF.items()},
    }
