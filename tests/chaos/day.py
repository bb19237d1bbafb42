"""A random but seeded day of a firm: what its people enter in both systems.

The expected content of Moment is what they entered, so that an action lost to a fault is not counted as missing.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from itertools import count
from random import Random
from typing import Any

import requests

from tests.chaos.company import Record, RemoteSystems
from tests.chaos.faults import Event
from tests.chaos.purchases import SUPPLIER, Purchases
from tests.factories import organization_numbers

SALE_ACCOUNTS = (
    {"accountNumber": 3000, "currentVatPercentage": 25},
    {"accountNumber": 3020, "currentVatPercentage": 15},
    {"accountNumber": 3100},
)
UNKNOWN_ACCOUNT = {"accountNumber": 3999, "currentVatPercentage": 25}
CUSTOMERS = (
    {"name": "Fjellheim Entreprenør AS"},
    {"name": "Åse Bjørnstad", "customerType": "person"},
    {"name": "Nordlys & Sønner AS"},
    {"name": "Müller Tømrer", "customerType": "person"},
)


class Day:
    """The actions of the firm's people; ``rng`` is their own, so that faults do not change their plans.

    ``refused`` collects the ids of the invoices that 24SevenOffice must refuse.
    """

    def __init__(self, remotes: RemoteSystems, *, rng: Random) -> None:
        self._remotes, self._rng = remotes, rng
        self._numbers = count(1)
        self._organizations = organization_numbers()
        self._customers: list[int] = []
        self._projects: list[Record] = []
        self._sold: list[int] = []
        self.purchases = Purchases(remotes, rng=rng)
        self.refused: set[str] = set()

    def open(self) -> None:
        """Create what the firm has from the start: accounts, a supplier, a customer and a project."""
        remotes = self._remotes
        self._accounts = [remotes.enter("financialAccounts", **account)["id"] for account in SALE_ACCOUNTS]
        self._unknown_account = remotes.enter("financialAccounts", **UNKNOWN_ACCOUNT)["id"]
        self._locked = next(year["year"] for year in remotes.records("years") if year["locked"])
        remotes.book("customers", SUPPLIER)
        self._new_customer()
        self._new_project()

    def plan(self, *, seconds: float, size: float) -> Iterator[Event]:
        """Choose the day's events and the second of each; ``size`` 1 is about fifty."""
        events: tuple[tuple[Callable[[], None], int, float], ...] = (  # how many, after which part of the day
            (self._new_customer, 6, 0),
            (self._new_project, 3, 0),
            (self._change_customer, 4, 0.1),
            (self._change_project, 2, 0.1),
            (self._sell, 9, 0),
            (self._credit, 2, 0.3),
            (self._sell_without_transfer, 1, 0),
            (self._sell_what_is_refused, 3, 0),
            (self._send_again, 3, 0.3),
            (self.purchases.enter, 9, 0),
            (self.purchases.correct, 1, 0.4),
            (self.purchases.reverse, 1, 0.4),
            (self.purchases.scan_later, 2, 0.3),
        )
        for act, times, earliest in events:
            for _ in range(max(1, round(times * size))):
                yield self._rng.uniform(seconds * earliest, seconds), partial(_attempt, act)

    def _new_customer(self) -> None:
        n, actor = next(self._numbers), self._rng.choice(CUSTOMERS)
        values = {**actor, "name": f"{actor['name']} {n}", "email": f"post-{n}@example.com"}
        if "customerType" not in actor:
            values["organizationNumber"] = next(self._organizations)
        self._customers.append(self._remotes.enter("customers", **values)["id"])

    def _change_customer(self) -> None:
        email = f"new-{next(self._numbers)}@example.com"
        self._remotes.change("customers", self._rng.choice(self._customers), email=email)

    def _new_project(self) -> None:
        name, customer = f"Prosjekt {next(self._numbers)} på Sjusjøen", self._rng.choice(self._customers)
        self._projects.append(self._remotes.enter("projects", name=name, customerId=customer))

    def _change_project(self) -> None:
        name = f"Prosjekt {next(self._numbers)}, byggetrinn 2"
        self._remotes.change("projects", self._rng.choice(self._projects)["id"], name=name)

    def _sell(self) -> None:
        self._sold += [self._invoice() for _ in range(self._rng.randint(1, 3))]

    def _sell_without_transfer(self) -> None:
        self._invoice(exportState="doNotTransfer")

    def _sell_what_is_refused(self) -> None:
        """Write an invoice in a locked year, or on an account that 24SevenOffice does not have."""
        reasons: tuple[dict[str, Any], ...] = (
            {"invoiceDate": f"{self._locked}-06-30"},
            {"invoiceLines": [self._line(account=self._unknown_account)]},
        )
        self.refused.add(str(self._invoice(**self._rng.choice(reasons))))

    def _credit(self) -> None:
        if self._sold:
            self._remotes.press("credit", self._sold.pop())

    def _send_again(self) -> None:
        """Send some old webhooks again."""
        sent = [each["body"] for each in self._remotes.deliveries()]
        for body in self._rng.sample(sent, min(3, len(sent))):
            self._remotes.notify(body)

    def _invoice(self, **more: object) -> int:
        project = self._rng.choice(self._projects)
        lines = [self._line() for _ in range(self._rng.randint(1, 4))]
        parties = {"customerId": project["customerId"], "projectId": project["id"]}
        draft: int = self._remotes.enter("invoices", **{**parties, "invoiceLines": lines, **more})["id"]
        self._remotes.press("finalize", draft)
        return draft

    def _line(self, *, account: int = 0, price: str = "") -> Record:
        return {
            "description": "Arbeid",
            "financialAccountId": account or self._rng.choice(self._accounts),
            "quantity": self._rng.randint(1, 40),
            "unitPrice": price or f"{self._rng.randint(1, 500_000) / 100:.2f}",
        }


def _attempt(act: Callable[[], None]) -> None:
    with suppress(requests.RequestException):
        act()
