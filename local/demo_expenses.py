"""The day's suppliers' vouchers, as a bookkeeper enters them in 24SevenOffice, and the result of each."""

import re
from base64 import b64encode
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from i18n.formatting import OSLO
from local import demo_company
from local.demo_user import DemoUser, Record, eventually, expect

INVOICE, CREDIT_NOTE = 14, 15
INCOMING_VAT, SUPPLIERS = 2711, 2400
INTERNAL = 77
"""A project that is only in 24SevenOffice."""

NOT_APPROVED = "The document is awaiting approval"
SCANS = {"Pdf": (".pdf", b"%PDF-1.4\n"), "Png": (".png", b"\x89PNG\r\n\x1a\n")}
"""The extension of a file's name and the first bytes of its content, by type."""


@dataclass(frozen=True, kw_only=True)
class Bill:
    """An invoice or credit note of a supplier, booked in kroner: positive in debit.

    ``number`` is the supplier's, and ``text`` says what was bought. ``costs`` are the account and amount of each
    line, without VAT if ``vat`` has it on its own line, and ``tax`` is the VAT code of the lines. ``why_not`` is
    why it does not become an expense, empty if it does.
    """

    number: str
    text: str
    costs: tuple[tuple[int, str], ...]
    supplier: str = "Nordre Trelast AS"
    vat: str = "0.00"
    tax: str = "1"
    type: int = INVOICE
    project: int | None = 1
    currency: str = "NOK"
    rate: str = "1"
    scans: tuple[str, ...] = ("Pdf",)
    why_not: str = ""

    @property
    def owed(self) -> Decimal:
        """What is owed to the supplier, VAT included."""
        return sum((Decimal(amount) for _, amount in self.costs), Decimal(self.vat))


BILLS = (
    Bill(number="F-7701", text="Beams", costs=((4300, "10000.00"), (4300, "1234.57")), vat="2808.64"),
    Bill(number="F-7702", text="Screws", costs=((4000, "1249.99"),), project=2, scans=("Png",)),
    Bill(number="K-7703", text="Beams back", costs=((4300, "-800.00"),), vat="-200.00", type=CREDIT_NOTE),
    Bill(
        number="DE-204",
        supplier="Lübecker Fassaden GmbH",
        text="Facade panels",
        costs=((4500, "11623.00"),),
        tax="",
        project=2,
        currency="EUR",
        rate="11.6230",
    ),
    Bill(
        number="F-7704", text="Scaffold", costs=((4500, "639.99"),), vat="160.00", project=3, scans=("Pdf", "Png")
    ),
    Bill(
        number="991",
        supplier="Polardrosjene SA",
        text="To the site",
        costs=((7140, "356.50"),),
        tax="",
        project=3,
        scans=("Png",),
    ),
    Bill(
        number="F-7705",
        text="Gloves",
        costs=((6590, "250.00"),),
        why_not="Account 6590 isn't listed for expenses",
    ),
    Bill(
        number="F-7706",
        text="Stock",
        costs=((4300, "5000.00"),),
        project=None,
        why_not="The cost on account 4300 has no project",
    ),
    Bill(
        number="F-7707",
        text="Shelves",
        costs=((4300, "3000.00"),),
        project=INTERNAL,
        why_not=f"Moment has no project {INTERNAL}",
    ),
    Bill(number="F-7708", text="Windows", costs=((4300, "87500.00"),), why_not=NOT_APPROVED),
)
"""Net with separate VAT, gross, a credit note, another currency, two documents, no VAT; and four to skip."""

SYNCED_BILLS = tuple(bill for bill in BILLS if not bill.why_not)
FILES = sum(len(bill.scans) for bill in SYNCED_BILLS)


def ten_vouchers_of_suppliers_are_entered_and_a_dry_run_tells_what_would_come(demo_user: DemoUser) -> None:
    """The dry run writes nothing; the connection is paused meanwhile, so that no poll is faster."""
    demo_user.command("connections", "pause", demo_company.NAME)
    names = dict.fromkeys(bill.supplier for bill in BILLS)
    suppliers = {name: demo_user.book("customers", name=name, type="Supplier")["number"] for name in names}
    demo_user.book("projects", name="Workshop", number=INTERNAL)
    for bill in BILLS:
        demo_user.book("vouchers", **_as_entered(bill, supplier=suppliers[bill.supplier]))
    _, *rows, total = demo_user.import_expenses("--dry-run").splitlines()
    listed = {(_number(title), last) for title, *_, last in (re.split("  +", row) for row in rows)}
    expect("the dry run", listed, {(bill.number, bill.why_not or str(len(bill.scans))) for bill in BILLS})
    expect("the total", total, f"Expenses that would be imported: {len(SYNCED_BILLS)}, with files: {FILES}.")
    expect("expenses in Moment", demo_user.moment("projectExpenses"), [])
    demo_user.command("connections", "resume", demo_company.NAME)


def six_of_them_become_expenses_with_seven_files(demo_user: DemoUser) -> None:
    """Exact to the øre, and the files byte for byte."""
    demo_user.import_expenses()
    eventually(lambda: _expenses_agree(demo_user))


def four_are_skipped_each_with_its_reason(demo_user: DemoUser) -> None:
    """That is not an error, so there is no mail."""

    def are_listed() -> None:
        vouchers = [each for each in demo_user.jobs("done") if each["title"].startswith("Voucher ")]
        skipped = [each for each in vouchers if each["outcome"] not in {"synced", "unchanged"}]
        reasons = {(_number(each["title"]), each["message"]) for each in skipped}
        expect("what is skipped", reasons, {(bill.number, bill.why_not) for bill in BILLS if bill.why_not})

    eventually(are_listed)


def _number(title: str) -> str:
    """The bill in the title of its voucher, such as "Voucher 40001 of 2026 (Nordre Trelast AS F-7701)"."""
    return title.removesuffix(")").rpartition(" ")[-1]


def _as_entered(bill: Bill, *, supplier: int) -> Record:
    lines: list[Record] = [
        {"account": account, "amount": amount, "tax": bill.tax, "project": bill.project, "comment": bill.text}
        for account, amount in bill.costs
    ]
    if Decimal(bill.vat):
        lines.append({"account": INCOMING_VAT, "amount": bill.vat, "tax": bill.tax})
    lines.append({"account": SUPPLIERS, "amount": str(-bill.owed), "customer": supplier})
    return {
        "type": bill.type,
        "date": datetime.now(OSLO).date().isoformat(),
        "invoice": bill.number,
        "currency": bill.currency,
        "rate": bill.rate,
        "lines": lines,
        "files": [_as_scanned(bill, file_type) for file_type in bill.scans],
    }


def _as_scanned(bill: Bill, file_type: str) -> Record:
    content = b64encode(SCANS[file_type][1] + f"{bill.supplier}: {bill.number}".encode()).decode()
    return {"type": file_type, "content": content, "approved": bill.why_not != NOT_APPROVED}


def _expenses_agree(demo_user: DemoUser) -> None:
    checksums = _checksums(demo_user)
    expected = {bill.number: _expected_expense(bill, checksums[bill.number]) for bill in SYNCED_BILLS}
    expect("expenses in Moment", _expenses_in_moment(demo_user), expected)
    counted = len(demo_user.moment("projectExpenses")), len(demo_user.moment("attachments"))
    expect("expenses and files, each once", counted, (len(SYNCED_BILLS), FILES))


def _checksums(demo_user: DemoUser) -> Mapping[str, Sequence[str]]:
    lines = [voucher["lines"][0] for voucher in demo_user.twentyfour("vouchers")]
    bills = {line["stamp"]: line["invoice"] for line in lines if line["stamp"]}
    found = defaultdict(list)
    for file in demo_user.twentyfour("files"):
        found[bills[file["stamp"]]].append(file["md5"])
    return found


def _expected_expense(bill: Bill, checksums: Sequence[str]) -> Record:
    names = (f"{bill.supplier} {bill.number}{SCANS[file_type][0]}" for file_type in bill.scans)
    return {
        "supplier": bill.supplier,
        "text": bill.text if bill.currency == "NOK" else f"{bill.text} ({bill.currency})",
        "kroner": bill.owed,
        "project": str(bill.project),
        "billable": bill.project != demo_company.NOT_BILLABLE,
        "state": "accepted",
        "files": dict(zip(names, checksums, strict=True)),
    }


def _expenses_in_moment(demo_user: DemoUser) -> dict[str, Record]:
    numbers = {project["id"]: project["projectNumber"] for project in demo_user.moment("projects")}
    files = demo_user.moment("attachments")
    return {
        expense["supplierInvoiceNumber"]: {
            "supplier": expense["supplierName"],
            "text": expense["description"],
            "kroner": Decimal(expense["amountInclVat"]),
            "project": numbers[expense["projectId"]],
            "billable": expense["billable"],
            "state": expense["approvalState"],
            "files": {file["name"]: file["md5"] for file in files if file["projectExpenseId"] == expense["id"]},
        }
        for expense in demo_user.moment("projectExpenses")
    }
