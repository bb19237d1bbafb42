"""A firm's purchases for its projects: the bookkeeper's vouchers in 24SevenOffice, and Moment's expenses."""

from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import md5
from typing import Any

from local.demo_user import eventually, expect
from models.enums import EntityType
from tests.journeys.firm import Firm, Record

SUPPLIER = 20001
ACCOUNTS = "4000, 4300-4399, 6590"


class Purchasing:
    """A connected firm with a supplier, and with the projects 1 and 2 in both systems."""

    def __init__(self, firm: Firm) -> None:
        self.firm = firm
        self._control("POST", "customers", {"name": "Byggmakker AS", "number": SUPPLIER, "type": "Supplier"})
        for number, name in ((1, "Kulturhuset"), (2, "Svømmehallen")):
            self._control("POST", "projects", {"number": number, "name": name})
            firm.enter("projects", name=name, projectNumber=str(number))
        self.poll()  # the first poll sets the cursor

    def enter(self, *costs: Record, total: str, files: Iterable[bytes] = (), **more: Any) -> Record:
        """Enter a supplier's invoice dated today, with ``total`` kroner owed; return the voucher."""
        owed = {"account": 2400, "customer": SUPPLIER, "amount": f"-{total}".replace("--", "")}
        voucher = {
            "date": datetime.now(UTC).date().isoformat(),
            "invoice": "F-77",
            "lines": [*costs, owed],
            "files": [scanned(content) for content in files],
            **more,
        }
        return self._control("POST", "vouchers", voucher)

    def correct(self, voucher: Record, *lines: Record) -> None:
        """Correct some lines of a voucher, by their ids."""
        self._control("PATCH", _path(voucher), {"lines": lines})

    def reverse(self, voucher: Record, *, way: str) -> None:
        """Reverse a voucher."""
        self._control("POST", f"{_path(voucher)}/reverse", {"method": way})

    def scan(self, voucher: Record, content: bytes, **more: Any) -> None:
        """Add a document to a voucher."""
        self._control("POST", f"{_path(voucher)}/files", scanned(content) | more)

    def approve_all(self) -> None:
        """Approve all documents."""
        for file in self.firm.records("files"):
            self._control("PATCH", f"files/{file['id']}", {"approved": True})

    def poll(self) -> None:
        """Poll the ledger, as if the firm's interval had passed, and wait for the result."""
        self.firm.poll_types({EntityType.EXPENSE}, task="poll_expenses")

    def expect_expenses(self, *expenses: tuple[int, str], files: Iterable[bytes] = ()) -> None:
        """Wait until Moment has these expenses (project number, kroner) and these documents, each once."""
        checksums = sorted(md5(content, usedforsecurity=False).hexdigest() for content in files)

        def holds() -> None:
            expect("expenses", self._expenses(), sorted(expenses))
            expect("pending vouchers", self.firm.pending_jobs(), [])
            expect("documents", sorted(each["md5"] for each in self.firm.moment("attachments")), checksums)

        eventually(holds)

    def _expenses(self) -> list[tuple[int, str]]:
        numbers = {each["id"]: int(each["projectNumber"]) for each in self.firm.moment("projects")}
        expenses = self.firm.moment("projectExpenses")
        return sorted((numbers[each["projectId"]], str(each["amountInclVat"])) for each in expenses)

    def _control(self, method: str, path: str, body: object) -> Record:
        record: Record = self.firm.control("twentyfour", method, f"books/{self.firm.client}/{path}", body)
        return record


def scanned(content: bytes) -> Record:
    return {"content": b64encode(content).decode()}


def _path(voucher: Record) -> str:
    return f"vouchers/{voucher['number']}"
