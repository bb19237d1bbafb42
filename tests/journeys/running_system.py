"""The whole system, with firms in it."""

import itertools
import os
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
    """A system that runs.

    Args:
        stack: its processes.
        container: this process's own way into it, for what a person has the command line for.
        celery: to send a task as beat does, for those who will not wait until its turn comes.
    """

    def __init__(self, stack: Stack, container: Container, celery: Celery) -> None:
        self.stack, self.container = stack, container
        self._celery = celery
        self._companies = map(str, itertools.count(5001))

    def beat(self, task: str, *numbers: int) -> None:
        """Send a task to the worker."""
        self._celery.send_task(task, args=numbers, queue=QUEUE_OF.get(task, LANES), ignore_result=True)

    def firm(self, company: str = "") -> Firm:
        """Make a firm that is not connected yet, of a company that Moment has or of one of its own."""
        return Firm(self.stack, self.container, beat=self.beat, company=company or next(self._companies))


@contextmanager
def running_system(
    state: Path, *, settings: Mapping[str, str], log: Log, stack_class: type[Stack] = Stack
) -> Iterator[RunningSystem]:
    """Run the system in a folder, with these settings and no others."""
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
