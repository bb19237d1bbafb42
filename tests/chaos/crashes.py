"""Crash points: named instants between two steps, at which a process kills itself when it is told to.

Production knows nothing of them: the functions around them are wrapped by the processes of a chaotic day. What is
armed, and what was reached, are files in a folder, since a process that kills itself tells nothing any more.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from integrations.moment.gateway import MomentGateway
from integrations.twentyfour.gateway import TwentyFour
from models import files, inbox
from models.words import Kind, Record
from sync.desk import Desk
from sync.runner import Runner

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Point:
    """The instant before a function begins, or ``after`` it; with a ``kind``, only for records of that kind."""

    name: str
    owner: Any
    function: str
    after: bool = False
    kind: Kind | None = None

    def is_for(self, arguments: tuple[Any, ...]) -> bool:
        return self.kind is None or any(isinstance(each, Record) and each.kind is self.kind for each in arguments)


POINTS = (
    Point(name="received, not answered", owner=inbox, function="receive", after=True),
    Point(name="claimed, nothing done", owner=Runner, function="_work_off"),
    Point(name="voucher made, not posted", owner=TwentyFour, function="post"),
    Point(name="voucher posted, not linked", owner=Desk, function="save_link", kind=Kind.INVOICE),
    Point(name="voucher linked, not settled", owner=Desk, function="save_link", kind=Kind.INVOICE, after=True),
    Point(name="customer saved, not linked", owner=Desk, function="save_link", kind=Kind.CUSTOMER),
    Point(name="customer linked, number kept", owner=Desk, function="save_link", kind=Kind.CUSTOMER, after=True),
    Point(name="number returned, not settled", owner=MomentGateway, function="return_customer_number", after=True),
    Point(name="project saved, not linked", owner=Desk, function="save_link", kind=Kind.PROJECT),
    Point(name="expense made, not linked", owner=Desk, function="save_link", kind=Kind.EXPENSE),
    Point(name="expense linked, without files", owner=Desk, function="save_link", kind=Kind.EXPENSE, after=True),
    Point(name="file uploaded, not noted", owner=files, function="note"),
    Point(name="done, not settled", owner=inbox, function="settle"),
    Point(name="settled, nothing after it", owner=inbox, function="settle", after=True),
)


class Crashes:
    """What is armed and what was reached, in a folder that all processes of a day share."""

    def __init__(self, folder: Path) -> None:
        self._armed, self._reached = folder / "armed", folder / "reached"
        self._looking = Lock()
        for each in (self._armed, self._reached):
            each.mkdir(parents=True, exist_ok=True)

    def arm(self, name: str, *, skip: int) -> None:
        """Have the process die that next comes to a point, after the first ``skip`` times."""
        (self._armed / name).write_text(str(skip))

    def disarm(self) -> None:
        """Let everything live."""
        for each in self._armed.iterdir():
            each.unlink(missing_ok=True)

    def reached(self) -> Counter[str]:
        """Count the deaths by point."""
        return Counter(each.name.rpartition(".")[0] for each in self._reached.iterdir())

    def come_to(self, name: str) -> None:
        """Die here if it is time."""
        armed = self._armed / name
        with self._looking, suppress(FileNotFoundError, ValueError):  # another process was faster
            left = int(armed.read_text())
            if left:
                armed.write_text(str(left - 1))
            else:
                armed.rename(self._reached / f"{name}.{uuid4().hex}")
                os.kill(os.getpid(), signal.SIGKILL)


def install(crashes: Crashes) -> None:
    """Put the crash points into this process."""
    for point in POINTS:
        _wrap(point, crashes)


def _wrap(point: Point, crashes: Crashes) -> None:
    function = getattr(point.owner, point.function)

    @wraps(function)
    def mortal(*args: Any, **kwargs: Any) -> Any:
        armed = point.is_for(args)
        if armed and not point.after:
            crashes.come_to(point.name)
        answer = function(*args, **kwargs)
        if armed and point.after:
            crashes.come_to(point.name)
        return answer

    setattr(point.owner, point.function, mortal)
