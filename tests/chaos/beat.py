"""The Celery app of beat on a chaotic day: the product's own, with short timeouts, crash points and a host clock."""

from tests.chaos.processes import prepare

prepare()

from worker.beat import app  # noqa: E402 - its schedule copies what is prepared here

__all__ = ["app"]
