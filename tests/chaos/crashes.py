"""Crash points: named instants between two steps, at which an armed process fails.

It kills itself, is cut off, or stops for longer than a lease lasts.

Production code does not know them: the processes of a chaotic day wrap the functions around them. What is armed
and what was reached are files in a folder, since a process that kills itself cannot report anything.
"""

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from threading import Lock, get_ident
from typing import Any
from uuid import uuid4

from requests.adapters import HTTPAdapter

from integrations.moment.gateway import MomentGateway
from integrations.twentyfour.gateway import TwentyFourGateway
from models import uploaded_documents
from models.enums import EntityType, Record
from models.inbox import dependencies, leases
from sync.engine.context import SyncContext
from sync.polling import polls
from sync.runner import Runner
from tests.chaos.short_timeouts import LEASE_SECONDS

KILLED, CUT_OFF, STOPPED = "killed", "cut off", "stopped"
PULLED_SECONDS = 2
"""How long cutting off a host that asked for it may take."""

STOPPED_SECONDS = LEASE_SECONDS + 2
"""How long a process stands still: another one has taken over and has verified unknown outcomes."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """The instant before a function begins, or ``after`` it; with an ``entity_type``, only for records of that type.

    ``fate`` is what happens there, ``sending`` names the operation that must be in the request, and ``meanwhile``
    says that the process continues while its host is being cut off.
    """

    name: str
    owner: Any
    function: str
    after: bool = False
    entity_type: EntityType | None = None
    action: str = KILLED
    sending: bytes = b""
    meanwhile: bool = False

    @property
    def title(self) -> str:
        """The name under which it is counted."""
        return f"{self.action}: {self.name}"

    def is_for(self, arguments: tuple[Any, ...]) -> bool:
        if self.sending:
            bodies = (getattr(each, "body", None) for each in arguments)
            return any(
                isinstance(body, bytes) and self.sending in body for body in bodies
            )  # others are read but once
        return self.entity_type is None or any(
            isinstance(each, Record) and each.entity_type is self.entity_type for each in arguments
        )


POINTS = (
    Point(name="received, not answered", owner=polls, function="enqueue", after=True),
    Point(name="leased, nothing done", owner=Runner, function="_execute"),
    Point(name="voucher made, not posted", owner=TwentyFourGateway, function="post"),
    Point(
        name="voucher posted, not linked", owner=SyncContext, function="save_link", entity_type=EntityType.INVOICE
    ),
    Point(
        name="voucher linked, not completed",
        owner=SyncContext,
        function="save_link",
        entity_type=EntityType.INVOICE,
        after=True,
    ),
    Point(
        name="customer saved, not linked", owner=SyncContext, function="save_link", entity_type=EntityType.CUSTOMER
    ),
    Point(
        name="customer linked, number kept",
        owner=SyncContext,
        function="save_link",
        entity_type=EntityType.CUSTOMER,
        after=True,
    ),
    Point(
        name="number returned, not completed", owner=MomentGateway, function="write_customer_number", after=True
    ),
    Point(
        name="project saved, not linked", owner=SyncContext, function="save_link", entity_type=EntityType.PROJECT
    ),
    Point(
        name="expense made, not linked", owner=SyncContext, function="save_link", entity_type=EntityType.EXPENSE
    ),
    Point(
        name="expense linked, without files",
        owner=SyncContext,
        function="save_link",
        entity_type=EntityType.EXPENSE,
        after=True,
    ),
    Point(name="file uploaded, not noted", owner=uploaded_documents, function="save"),
    Point(name="done, not completed", owner=leases, function="complete"),
    Point(name="completed, no job woken", owner=dependencies, function="wake"),
    Point(name="completed, nothing after it", owner=leases, function="complete", after=True),
)

VOUCHERS = b"SaveBundleList"
CUTS = (
    Point(name="leased, nothing done", owner=Runner, function="_execute", action=CUT_OFF),
    Point(name="voucher about to leave", owner=HTTPAdapter, function="send", action=CUT_OFF, sending=VOUCHERS),
    Point(
        name="voucher under way",
        owner=HTTPAdapter,
        function="send",
        action=CUT_OFF,
        sending=VOUCHERS,
        meanwhile=True,
    ),
    Point(
        name="voucher posted, not linked",
        owner=SyncContext,
        function="save_link",
        entity_type=EntityType.INVOICE,
        action=CUT_OFF,
    ),
    Point(name="done, not completed", owner=leases, function="complete", action=CUT_OFF),
    Point(name="completing a batch", owner=leases, function="_complete_one", action=CUT_OFF),
)
"""Instants at which a host is cut off from everything, with its worker in the middle of a batch."""


STOPS = (
    Point(name="leased, nothing done", owner=Runner, function="_execute", action=STOPPED),
    *(
        Point(name=f"{name} about to leave", owner=HTTPAdapter, function="send", action=STOPPED, sending=sending)
        for name, sending in (("voucher", VOUCHERS), ("customer", b"SaveCompanies"), ("expense", b"externalId"))
    ),
    Point(
        name="voucher posted, not linked",
        owner=SyncContext,
        function="save_link",
        entity_type=EntityType.INVOICE,
        action=STOPPED,
    ),
    Point(name="done, not completed", owner=leases, function="complete", action=STOPPED),
    Point(name="completing a batch", owner=leases, function="_complete_one", action=STOPPED),
)
"""Instants at which a process stops and continues later, like a paused machine."""


class Crashes:
    """The armed and the reached points, as files in a folder that all processes of a day share.

    Args:
        folder: the folder of the day.
        host: the name of the host that this process runs on, if it can be cut off.
    """

    def __init__(self, folder: Path, *, host: str = "") -> None:
        self._armed, self._reached, self.wishes = (folder / name for name in ("armed", "reached", "wishes"))
        self._host = host
        self._looking = Lock()
        for each in (self._armed, self._reached, self.wishes):
            each.mkdir(parents=True, exist_ok=True)

    def arm(self, point: Point, *, skip: int) -> None:
        """Arm a point for the next process that reaches it, after the first ``skip`` times."""
        (self._armed / point.title).write_text(str(skip))

    def disarm(self) -> None:
        """Disarm all points."""
        for each in self._armed.iterdir():
            each.unlink(missing_ok=True)

    def reached(self) -> Counter[str]:
        """Count the points that were reached, by title."""
        return Counter(each.name.rpartition(".")[0] for each in self._reached.iterdir())

    def note(self, title: str) -> None:
        """Count an event that is not a crash point."""
        (self._reached / f"{title}.{uuid4().hex}").touch()

    def reach(self, point: Point) -> None:
        """Kill, stop or cut off this process if the point is armed."""
        if not self._is_time(point.title):
            return
        if point.action == KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        elif point.action == STOPPED:
            _stop(STOPPED_SECONDS)
        else:
            self._ask_to_be_cut_off(point)

    def _ask_to_be_cut_off(self, point: Point) -> None:
        wish = self.wishes / self._host
        wish.touch()
        deadline = time.monotonic() + PULLED_SECONDS
        while not point.meanwhile and wish.exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    def _is_time(self, title: str) -> bool:
        armed = self._armed / title
        with self._looking, suppress(FileNotFoundError, ValueError):  # another process was faster
            left = int(armed.read_text())
            if not left:
                armed.rename(self._reached / f"{title}.{uuid4().hex}")
                return True
            armed.write_text(str(left - 1))
        return False

    def install(self) -> None:
        """Install the points in this process."""
        for point in (*POINTS, *STOPS, *(CUTS if self._host else ())):
            _wrap(point, self.reach)


def _stop(seconds: float) -> None:
    """Stop this process, after starting another that continues it."""
    subprocess.Popen(("/bin/sh", "-c", f"sleep {seconds}; kill -CONT {os.getpid()}"))
    signal.pthread_kill(get_ident(), signal.SIGSTOP)  # sent to the process, it might reach this thread later


def _wrap(point: Point, reach: Callable[[Point], None]) -> None:
    function = getattr(point.owner, point.function)

    @wraps(function)
    def mortal(*args: Any, **kwargs: Any) -> Any:
        armed = point.is_for(args)
        if armed and not point.after:
            reach(point)
        answer = function(*args, **kwargs)
        if armed and point.after:
            reach(point)
        return answer

    setattr(point.owner, point.function, mortal)
