"""Runs the whole system, and makes firms for the tests."""

import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from celery import Celery

from config.settings import Settings
from local.processes import Log
from local.stack import Plan, Stack
from tests.journeys.firm import Firm
from worker.container import Container
from worker.queues import LANES, QUEUE_OF


class RunningSystem:
    """A running system: its processes, and this process's access to it, for what people do on the command line.

    ``celery`` sends tasks as beat does, for tests that do not wait for beat.
    """

    def __init__(self, stack: Stack, container: Container, celery: Celery) -> None:
        self.stack, self.container = stack, container
        self._celery = celery
        self._companies = map(str, itertools.count(5001))

    def beat(self, task: str, *numbers: int) -> None:
        """Send a task to the worker."""
        self._celery.send_task(task, args=numbers, queue=QUEUE_OF.get(task, LANES), ignore_result=True)

    def firm(self, company: str = "") -> Firm:
        """Make a firm that is not connected yet, with an existing company of Moment or its own."""
        return Firm(self.stack, self.container, beat=self.beat, company=company or next(self._companies))


def show(name: str, line: str) -> None:
    """Print a log line; pytest shows it when a test fails."""
    sys.stdout.write(f"{name:<8} | {line}\n")


@contextmanager
def running_system(
    state: Path, *, settings: Mapping[str, str], log: Log, stack_class: type[Stack] = Stack
) -> Iterator[RunningSystem]:
    """Run the system in a folder, with only these settings."""
    others = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    plan = Plan(state=state, environ={**others, **settings}, temporary=True)
    stack = stack_class(plan, log=log)
    with stack.running():
        container = Container(
            Settings.model_validate({name.lower(): each for name, each in stack.environment.items()})
        )
        with Celery(broker=stack.environment["REDIS_URL"], set_as_current=False) as celery:
            yield RunningSystem(stack, container, celery)
        container.close()
