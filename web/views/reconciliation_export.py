"""The export of a reconciliation for Excel: its columns, findings and accepted differences."""

from collections.abc import Iterator, Mapping
from typing import Any

from i18n.catalog import Language
from i18n.formatting import day, instant
from i18n.messages import Message, joined, msg, translate
from i18n.sheets import Sheet
from models.admin.discrepancies import Acceptance
from models.admin.operations import Operation
from sync.reconciliation.report import Discrepancy, ReconciliationReport, Total

COLUMNS: Mapping[str, Message] = {
    "part": msg("Part"),
    "subject": msg("Subject"),
    "date": msg("Date"),
    "voucher": msg("Voucher"),
    "account": msg("Account"),
    "vat_code": msg("VAT code"),
    "amount": msg("Amount (NOK)"),
    "moment": msg("Moment (NOK)"),
    "ledger": msg("24SevenOffice (NOK)"),
    "difference": msg("Difference (NOK)"),
    "description": msg("Description"),
    "why": msg("Reason"),
    "actor": msg("Accepted by"),
    "at": msg("Accepted at"),
}
AMOUNTS = frozenset({"amount", "moment", "ledger", "difference"})

RECONCILIATION, DIFFERENCE = msg("Reconciliation"), msg("Difference")
ACCEPTED_DIFFERENCE, TOTAL = msg("Accepted difference"), msg("Total")
SIDES = {"invoice": msg("Invoice"), "expense": msg("Expense")}

Row = dict[str, Any]


def export_reconciliation(
    report: ReconciliationReport,
    operation: Operation,
    accepted: Mapping[str, Acceptance],
    *,
    connection: str,
    language: Language,
) -> Iterator[str]:
    """Yield the lines of the file; ``accepted`` maps the keys of discrepancies to their acceptances."""
    headings = {key: translate(title, language) for key, title in COLUMNS.items()}
    sheet = Sheet(columns=headings, amounts=AMOUNTS, for_excel=True)
    rows = [*_facts(report, operation, connection, language), *_part("invoice", report, accepted)]
    if report.expenses:
        rows += _part("expense", report.expenses, accepted)
    empty: Row = dict.fromkeys(COLUMNS, "")
    return sheet.lines(
        empty
        | {key: translate(value, language) if isinstance(value, str) else value for key, value in row.items()}
        for row in rows
    )


def _facts(
    report: ReconciliationReport, operation: Operation, connection: str, language: Language
) -> Iterator[Row]:
    made_at = instant(operation.completed_at or operation.requested_at, language)
    facts = {
        msg("Company"): connection,
        msg("Period"): msg(
            "{first} to {last}", first=day(report.first, language), last=day(report.last, language)
        ),
        msg("Reconciled by"): operation.actor or msg("the integration"),
        msg("Time"): made_at,
        msg("Result"): _result(report),
        msg("Matched"): str(report.count("equal") + (report.expenses.count("equal") if report.expenses else 0)),
        msg("Accepted"): str(len(report.all_accepted)),
    }
    for subject, value in facts.items():
        yield {"part": RECONCILIATION, "subject": subject, "description": value}


def _result(report: ReconciliationReport) -> Message:
    if report.is_empty:
        return msg("Nothing to compare")
    if report.agree:
        return msg("No differences")
    count = len(report.all_discrepancies)
    return msg("1 difference") if count == 1 else msg("{count} differences", count=count)


def _part(side: str, report: ReconciliationReport, accepted: Mapping[str, Acceptance]) -> Iterator[Row]:
    for each in report.discrepancies:
        yield _difference(side, each) | {"part": DIFFERENCE}
    for each in report.accepted:
        known = accepted[each.key]
        yield _difference(side, each) | {
            "part": ACCEPTED_DIFFERENCE,
            "why": known.why,
            "actor": known.actor,
            "at": known.at,
        }
    for total in report.totals:
        yield _total(side, total)


def _difference(side: str, each: Discrepancy) -> Row:
    return {
        "subject": joined(SIDES[side], each.number, between=" "),
        "date": each.day,
        "voucher": each.voucher_names,
        "amount": each.amount,
        "description": joined(each.description, *each.details, between=". "),
    }


def _total(side: str, total: Total) -> Row:
    return {
        "part": TOTAL,
        "subject": SIDES[side],
        "account": total.account or "?",
        "vat_code": total.vat_code,
        "moment": total.moment,
        "ledger": total.ledger,
        "difference": total.ledger - total.moment,
    }
