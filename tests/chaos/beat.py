"""The Celery app of beat on a chaotic day: the product's own, in a hurry, mortal, and with a clock of its host."""

from tests.chaos.processes import prepare

prepare()

from worker.beat import app  # noqa: E402 - its timetable copies what is prepared here

__all__ = ["app"]
