"""Suppliers' vouchers: a bookkeeper enters, corrects and reverses them in 24SevenOffice, and scans documents."""

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import md5
from itertools import count
from random import Random

from tests.chaos.company import Record, RemoteSystems

SUPPLIER = {"name": "Byggmakker AS", "number": 20001, "type": "Supplier"}
ACTIVITY = "Innkjøp"
SETTINGS = {
    "expense_accounts": "4000, 4300-4399, 6590",
    "expense_activity": ACTIVITY,
    "expense_poll_minutes": 1,
}
LISTED, NOT_LISTED = (4000, 4300, 6590), 7140
VAT_ACCOUNT, VAT_CODE, VAT = 2711, "1", Decimal("0.25")
OWED_ACCOUNT = 2400


@dataclass
class Purchase:
    """A supplier's voucher: the cost of each project, in kroner including VAT, and the md5 of its documents."""

    invoice: str
    voucher: Record
    costs: dict[int, Decimal]
    documents: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        """The path of the voucher in the sandbox."""
        return f"vouchers/{self.voucher['number']}"

    @property
    def day(self) -> str:
        """The date of the voucher."""
        day: str = self.voucher["lines"][0]["date"]
        return day


class Purchases:
    """The bookkeeper's work; ``made`` has the purchases as they should be in Moment."""

    def __init__(self, remotes: RemoteSystems, *, rng: Random) -> None:
        self._remotes, self._rng = remotes, rng
        self._numbers = count(1)
        self.made: list[Purchase] = []

    def enter(self) -> None:
        """Enter a voucher at random: one or two projects, VAT on its own line or not, an account that is synced or not."""
        rng, invoice = self._rng, f"F-{next(self._numbers)}"
        known = sorted(project["number"] for project in self._remotes.records("projects"))
        projects = rng.sample(known, min(len(known), rng.choice((1, 1, 2))))
        nets = {project: Decimal(rng.randint(10, 9000)) for project in projects}
        account = rng.choice((*LISTED, NOT_LISTED))
        vat = sum(nets.values()) * VAT if account in LISTED and rng.random() < 0.5 else Decimal()
        documents = [f"%PDF {invoice} {n}".encode() * 50 for n in range(rng.choice((0, 1, 1, 2)))]
        voucher = {
            "date": datetime.now(UTC).date().isoformat(),
            "invoice": invoice,
            "lines": _lines(nets, account=account, vat=vat),
            "files": [_scanned(document) for document in documents],
        }
        gross = {project: net * (1 + VAT) if vat else net for project, net in nets.items()}
        costs = gross if account in LISTED else {}
        entered = self._remotes.book("vouchers", voucher)
        self.made.append(Purchase(invoice, entered, costs, [_digest(document) for document in documents]))

    def correct(self) -> None:
        """Raise the cost of a voucher by 100 kroner; it has one project and no VAT line."""
        simple = [each for each in self.made if len(each.voucher["lines"]) == 2 and each.costs]
        if simple:
            purchase = self._rng.choice(simple)
            cost, owed = purchase.voucher["lines"]
            (project,) = purchase.costs
            more = purchase.costs[project] + 100
            lines = [{"id": cost["id"], "amount": str(more)}, {"id": owed["id"], "amount": str(-more)}]
            self._remotes.book(purchase.path, {"lines": lines}, method="PATCH")
            purchase.costs[project] = more

    def reverse(self) -> None:
        """Reverse a voucher by hiding its lines."""
        if self.made:
            purchase = self._rng.choice(self.made)
            self._remotes.book(f"{purchase.path}/reverse", {"method": "hide"})
            purchase.costs.clear()

    def scan_later(self) -> None:
        """Add a document to a voucher that has none."""
        without = [each for each in self.made if not each.documents]
        if without:
            purchase = self._rng.choice(without)
            document = f"%PDF {purchase.invoice}, scanned later".encode()
            self._remotes.book(f"{purchase.path}/files", _scanned(document))
            purchase.documents.append(_digest(document))


def _lines(nets: dict[int, Decimal], *, account: int, vat: Decimal) -> list[Record]:
    code = VAT_CODE if account in LISTED else ""
    costs = [{"account": account, "amount": str(net), "tax": code, "project": p} for p, net in nets.items()]
    taxes = [{"account": VAT_ACCOUNT, "amount": str(vat), "tax": VAT_CODE}] if vat else []
    owed = {"account": OWED_ACCOUNT, "amount": str(-sum(nets.values()) - vat), "customer": SUPPLIER["number"]}
    return [*costs, *taxes, owed]


def _scanned(document: bytes) -> Record:
    return {"content": base64.b64encode(document).decode(), "type": "Pdf"}


def _digest(document: bytes) -> str:
    return md5(document, usedforsecurity=False).hexdigest()
