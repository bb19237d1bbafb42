"""The Celery app of a chaotic day: the product's own, in a hurry, mortal, and with mistakes where they are planted."""

from tests.chaos.processes import prepare

prepare()

from worker.celery_app import app  # noqa: E402 - its tasks copy what is prepared here

__all__ = ["app"]
