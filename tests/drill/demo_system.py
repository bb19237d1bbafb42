"""The demo company on the system that a drill breaks, and the check that all its records are right again."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import requests

from local import demo_company
from local.demo import SALE_0, SALES, Sale, ledger_agrees, write_invoice
from local.demo_user import DemoUser, eventually, expect
from tests.chaos.crashes import Crashes, Point
from tests.drill.stack import PROGRAMS, DrillStack

WELL_SECONDS = 120

WITHOUT_VAT: Sequence[Sale] = (((SALE_0, 1, 48000.00),), ((SALE_0, 3, 83.37), (SALE_0, 1, 0.01)))
"""What the former release sells: it left VAT to 24SevenOffice, which the sandbox refuses now."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a drill: ``seconds`` from the remedy until all was well, and what it ``asserted`` besides."""

    seconds: float
    asserted: str


class NotHereError(Exception):
    """This machine does not allow the drill; the message says why."""


class DemoSystem:
    """The demo company on a running stack; ``invoices`` are those that the ledger should have."""

    def __init__(self, stack: DrillStack, *, sales: Sequence[Sale] = SALES) -> None:
        self.stack = stack
        self._sales = sales
        self.user = DemoUser(stack, webhook_url=demo_company.connect(stack))
        self.crashes = Crashes(stack.plan.state)
        self.invoices = 0
        self.restarted: list[str] = []
        self.user.change("customers", demo_company.CUSTOMER, phone="77 00 00 00")
        until("the customer has a number", lambda: bool(self.user.moment("customers")[0]["customerNumber"]))
        self.write(1)
        self.until_well()

    def write(self, count: int = 3) -> None:
        """Write and finalize invoices, so that Moment sends webhooks."""
        project = self.user.moment("projects")[0]
        for each in range(self.invoices, self.invoices + count):
            self.user.press("finalize", write_invoice(self.user, self._sales[each % len(self._sales)], project))
        self.invoices += count

    def until_well(self, *, seconds: float = WELL_SECONDS) -> float:
        """Wait until each record exists once and is exact to the øre; return how many seconds it took."""

        def check() -> None:
            self._restart_what_died()
            self._check_all()

        began = time.monotonic()
        eventually(check, seconds=seconds)
        return time.monotonic() - began

    def expect_posted(self, count: int) -> None:
        """Check the number of our vouchers in the ledger."""
        expect("vouchers", len(self.user.synced("vouchers")), count)

    def die_at(self, point: Point, part: str = "worker") -> None:
        """Arm a crash point for a process, and wait until it has died or stopped there."""
        self.crashes.arm(point, skip=0)
        self.write()
        until("it is at the point", lambda: bool(self.crashes.reached()[point.title]))
        if point.action == "killed":
            until(f"{part} is dead", lambda: not self.stack.parts[part].alive)

    def add_fault(self, system: str, **fault: object) -> None:
        self.control(system, "POST", "faults", fault)

    def control(self, system: str, method: str, path: str, body: object) -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.request(
                method, f"{self.stack.addresses[system]}/{path}", json=body, timeout=30
            ).raise_for_status()

    def calls(self, operation: str) -> int:
        """Count the calls of an operation that 24SevenOffice has received."""
        with requests.Session() as session:
            session.trust_env = False
            return int(
                session.get(f"{self.stack.addresses['twentyfour']}/calls", timeout=30).json().get(operation, 0)
            )

    def _restart_what_died(self) -> None:
        """Restart each process that has ended, as containers and `make run` do; ``restarted`` has its name."""
        for name in PROGRAMS:
            if not self.stack.parts[name].alive:
                self.stack.parts[name].start()
                self.restarted.append(name)

    def _check_all(self) -> None:
        ledger_agrees(self.user, invoices=self.invoices)
        for resource in ("customers", "projects"):
            expect(f"{resource}, each once", len(self.user.synced(resource)), len(self.user.moment(resource)))


def until(what: str, holds: Callable[[], bool], *, seconds: float = WELL_SECONDS) -> None:
    """Wait until ``holds`` returns true. Raises ExpectationError after ``seconds``."""
    eventually(lambda: expect(what, holds(), expected=True), seconds=seconds)
