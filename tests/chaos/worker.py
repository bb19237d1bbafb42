"""The Celery app of a chaotic day: the product's own, with short timeouts, crash points and planted bugs."""

from tests.chaos.processes import prepare

prepare()

from worker.celery_app import app  # noqa: E402 - its tasks copy what is prepared here

__all__ = ["app"]
