"""Reads vouchers.txt, a table for accountants, and checks that the integration makes those vouchers of the invoices."""

import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from i18n.messages import msg
from integrations.moment import invoices
from integrations.moment.fields import Fields
from models.connections.settings import ConnectionSettings
from sync.errors import RejectedError
from sync.flows.invoices import title
from sync.records import Chart, Entry, VatCode, Voucher
from sync.rules.vouchers import check_bookings, voucher_comment, voucher_of
from tests import factories

PARTS = re.split(
    r"^([A-Z][A-Z ,0-9]+)(?::.*)?\n", Path(__file__).with_name("vouchers.txt").read_text(), flags=re.MULTILINE
)
TABLES = dict(zip(PARTS[1::2], PARTS[2::2], strict=True))
LINE = re.compile(
    r"(.+?)  +(\d+|-) +(\d+) % +(-?[\d ]+,\d\d)(?: +project (\d+))?(?: +net (-?[\d ]+,\d\d))?(?: +(\d+) times)?"
)
ENTRY = re.compile(r"(\d{4})  (debit|credit) +([\d ]+,\d\d)(?: +code (\w+))?(.*)")
LABELED = re.compile(r"(project|department|customer|KID|due) (\S+)")
WORDS = {"project": "projectId", "KID": "kid", "reference": "yourReference", "credits": "creditedInvoiceId"}
DAY = "02.03.2026"
DUE = "16.03.2026"


def rows(table: str) -> list[list[str]]:
    return [re.split(r" {2,}", line) for line in TABLES[table].splitlines() if line]


def code_of(row: list[str]) -> str:
    return row[1].removeprefix("code ") if len(row) > 1 else ""


ACCOUNTS = {
    row[0]: Fields({"accountNumber": row[1], "externalTaxCode": code_of(row[1:])}, msg("Nothing."), record=row[0])
    for row in rows("FINANCIAL ACCOUNTS OF MOMENT")
}
CHART = {int(row[0]): code_of(row) for row in rows("CHART OF ACCOUNTS OF 24SEVENOFFICE")}
VAT_CODES = {
    row[0]: VatCode(Decimal(row[1].removesuffix(" %")), int(row[2]) if len(row) > 2 else None)
    for row in rows("VAT CODES OF 24SEVENOFFICE")
}


@dataclass(frozen=True)
class Case:
    """An invoice of the table; parses the words of its cells."""

    number: int
    name: str
    said: dict[str, list[str]]

    @property
    def settings(self) -> dict[str, Any]:
        """The words after "With" that are settings of the connection."""
        fields = ConnectionSettings.model_fields
        given: dict[str, Any] = defaultdict(dict)
        for name, value in self.given:
            if "=" in value:
                given[name] |= [value.split("=")]
            elif name in fields:
                given[name] = value
        return given

    @property
    def given(self) -> list[tuple[str, str]]:
        return [(name, value) for name, _, value in (each.partition(" ") for each in self.said["With"])]

    @property
    def in_moment(self) -> dict[str, object]:
        """The invoice as Moment's API returns it (M1)."""
        lines = [line for each in self.said["Invoice"] for line in self._lines(each)]
        total = sum((Decimal(str(line["amountInclVat"])) for line in lines), Decimal())
        values: dict[str, object] = {
            "id": self.number,
            "invoiceNumber": self.number,
            "invoiceType": "invoice",
            "invoiceState": "finalized",
            "exportState": "toTransfer",
            "invoiceDate": day(DAY).isoformat(),
            "dueDate": day(DUE).isoformat(),
            "currencyCode": "NOK",
            "currencyRate": Decimal(1),
            "customerId": 7,
            "projectId": 1,
            "totalAmountInclVat": total,
            "invoiceLines": lines,
        }
        for name, value in self.given:
            values |= self._words(name, value)
        return values

    def _words(self, name: str, value: str) -> dict[str, object]:
        match name:
            case "type":
                return {"invoiceType": "creditNote"}
            case "currency":
                code, rate = value.split(" at ")
                return {"currencyCode": code, "currencyRate": number(rate)}
            case "total":
                return {"totalAmountInclVat": number(value)}
            case "due":
                return {"dueDate": None if value == "never" else day(value).isoformat()}
        return {WORDS.get(name, name): None if value == "none" else value}

    def _lines(self, text: str) -> list[dict[str, object]]:
        found = LINE.fullmatch(text)
        assert found, text
        description, account, rate, amount, project, net, times = found.groups()
        line = {
            "description": description,
            "financialAccountId": None if account == "-" else account,
            "vatPercentage": Decimal(rate),
            "amountInclVat": number(amount),
            "amountExclVat": number(net) if net else None,
            "projectId": project,
        }
        return [line] * int(times or 1)

    def entry(self, text: str) -> tuple[Entry, dict[str, str]]:
        """A line under "Books", with its details."""
        found = ENTRY.fullmatch(text)
        assert found, text
        account, side, amount, code, rest = found.groups()
        labeled = dict(LABELED.findall(rest))
        assert not LABELED.sub("", rest).strip(), text
        ore = int(number(amount) * 100) * (1 if side == "debit" else -1)
        entry = Entry(
            int(account),
            ore,
            int(labeled.get("customer", 10001)),
            tax_code=code or "",
            project_number=int(labeled["project"]) if "project" in labeled else None,
            department=int(labeled["department"]) if "department" in labeled else None,
        )
        return entry, labeled


def number(text: str) -> Decimal:
    return Decimal(text.replace(" ", "").replace(",", "."))


def day(text: str) -> date:
    return date(*map(int, reversed(text.split("."))))


def cases() -> list[Case]:
    found = []
    for block in TABLES["INVOICES"].strip().split("\n\n"):
        head, *lines = block.splitlines()
        place, name = head.split(". ", 1)
        said: dict[str, list[str]] = defaultdict(list)
        label = ""
        for line in lines:
            label = line[3:12].strip() or label
            said[label].append(line[12:].strip())
        found.append(Case(int(place), name, said))
    return found


def posted(case: Case, voucher_vat: str) -> Voucher:
    """Make a voucher from what Moment's API returns, as the invoice flow does."""
    invoice = invoices.translate(case.in_moment, account=ACCOUNTS.get, number=int)
    settings = factories.settings(voucher_vat=voucher_vat, **case.settings)
    chart = Chart(CHART, VAT_CODES)
    check_bookings(invoice, chart=chart, settings=settings)
    return voucher_of(
        invoice,
        customer_number=settings.factoring_id or 10001,
        project_number=int,
        chart=chart,
        settings=settings,
        comment=voucher_comment(
            invoice, title=title(invoice), url=f"https://moment.example/{case.number}", settings=settings
        ),
    )


@pytest.mark.parametrize("voucher_vat", ["net", "gross"])
@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.number} {case.name}")
def test_an_invoice_becomes_the_voucher_of_the_table(case: Case, voucher_vat: str) -> None:
    assert case.said.keys() <= {"With", "Invoice", "Net", "Gross", "Refused", "Done", "Comment"}
    books = case.said[voucher_vat.title()]
    refusals = case.said["Refused"] + [each.removeprefix("Refused: ") for each in books if each[:1] == "R"]
    if refusals:
        with pytest.raises(RejectedError) as refused:
            posted(case, voucher_vat)
        assert [str(refused.value.message)] == refusals
        assert refused.value.remedy
        return
    voucher, expected = posted(case, voucher_vat), [case.entry(text) for text in books]
    if case.said["Done"]:
        assert len(voucher.entries) == 1
        return
    assert list(voucher.entries) == [entry for entry, _ in expected]
    assert sum(entry.amount for entry in voucher.entries) == 0
    receivable = expected[0][1]
    assert voucher.kid == receivable.get("KID", "")
    assert (voucher.day, voucher.due) == (day(DAY), day(receivable.get("due", DUE)))
    assert voucher.comment in (case.said["Comment"] or [voucher.comment])


def test_the_table_is_complete() -> None:
    assert [case.number for case in cases()] == list(range(1, 74))
