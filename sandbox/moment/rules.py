"""What Moment requires of a record before it is saved, what it calculates, and how users invoice."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TypeVar

from sandbox.moment.records import (
    NOTHING,
    FinancialAccount,
    Invoice,
    InvoiceLine,
    Project,
    ProjectExpense,
    ProjectExtension,
    Record,
)
from sandbox.moment.state import Company, RefusedError

R = TypeVar("R", bound=Record)
HUNDRED = Decimal(100)
CREDIT = timedelta(days=14)


def check_unchangeable(old: Record, new: Record | None) -> None:
    """Refuse to change what has been invoiced, except an invoice's export state; a deletion has no ``new``."""
    match old:
        case ProjectExpense(invoiced=True):
            raise RefusedError(409, f"Project expense {old.id} is invoiced and cannot be changed")
        case Invoice(invoice_state="finalized") if not _only_export_state_differs(old, new):
            raise RefusedError(409, f"Invoice {old.invoice_number} is finalized and cannot be changed")


def complete(record: Record, company: Company) -> None:
    """Fill in what Moment calculates; raises RefusedError for what cannot be saved."""
    match record:
        case Project():
            _complete_project(record, company)
        case ProjectExtension():
            _open_project(record.project_id, company)
        case Invoice():
            _complete_invoice(record, company)
        case ProjectExpense():
            _check_expense(record, company)


def _only_export_state_differs(old: Invoice, new: Record | None) -> bool:
    free = {"export_state", "last_modified_date"}
    return new is not None and old.model_dump(exclude=free) == new.model_dump(exclude=free)


def _find_referenced(records: Mapping[int, R], record_id: int | None, field: str) -> R:
    """Return the record that another one references in this field; raises RefusedError if it does not exist."""
    if record_id is None or record_id not in records:
        raise RefusedError(400, f"{field}: there is no {record_id}")
    return records[record_id]


def _complete_project(project: Project, company: Company) -> None:
    if project.customer_id is not None:
        _find_referenced(company.customers, project.customer_id, "customerId")
    if not project.project_number:
        numbers = (one.project_number for one in company.projects.values())
        project.project_number = str(max((int(number) for number in numbers if number.isdecimal()), default=0) + 1)


def _complete_invoice(invoice: Invoice, company: Company) -> None:
    if invoice.customer_id is not None:
        _find_referenced(company.customers, invoice.customer_id, "customerId")
    if invoice.project_id is not None:
        _find_referenced(company.projects, invoice.project_id, "projectId")
    for line in invoice.invoice_lines:
        _complete_line(
            line, _find_referenced(company.financial_accounts, line.financial_account_id, "financialAccountId")
        )
    invoice.total_amount_incl_vat = sum(
        (line.amount_incl_vat or NOTHING for line in invoice.invoice_lines), NOTHING
    )


def _complete_line(line: InvoiceLine, account: FinancialAccount) -> None:
    if line.vat_percentage is None:
        line.vat_percentage = account.current_vat_percentage
    if line.amount_excl_vat is None:
        line.amount_excl_vat = _round(line.quantity * line.unit_price * (1 - line.discount_percent / HUNDRED))
    if line.amount_incl_vat is None:
        line.amount_incl_vat = _round(line.amount_excl_vat * (1 + line.vat_percentage / HUNDRED))


def _round(amount: Decimal) -> Decimal:
    return amount.quantize(NOTHING, ROUND_HALF_UP)


def _open_project(project_id: int | None, company: Company) -> Project:
    project = _find_referenced(company.projects, project_id, "projectId")
    if project.project_state == "closed":
        raise RefusedError(409, f"Project {project.project_number} is closed")
    return project


def _check_expense(expense: ProjectExpense, company: Company) -> None:
    project = _open_project(expense.project_id, company)
    if expense.project_extension_id is None:
        return
    activity = _find_referenced(company.project_extensions, expense.project_extension_id, "projectExtensionId")
    if activity.project_id != project.id:
        raise RefusedError(400, f"Activity {activity.name} does not belong to project {project.project_number}")
    if activity.project_extension_state == "closed":
        raise RefusedError(409, f"Activity {activity.name} is closed")


def finalize(draft: Invoice, company: Company, *, today: date) -> Invoice:
    """Give a draft the company's next invoice number, and ``today`` as its date if it has none."""
    if draft.invoice_state == "finalized":
        raise RefusedError(409, f"Invoice {draft.invoice_number} is finalized already")
    if draft.customer_id not in company.customers or not draft.invoice_lines:
        raise RefusedError(409, "An invoice needs a customer and a line to be finalized")
    day = draft.invoice_date or today
    return draft.model_copy(
        update={
            "invoice_number": 1 + max((one.invoice_number or 0 for one in company.invoices.values()), default=0),
            "invoice_state": "finalized",
            "invoice_date": day,
            "due_date": draft.due_date or day + CREDIT,
        }
    )


def create_credit_note(invoice: Invoice) -> Invoice:
    if invoice.invoice_state != "finalized":
        raise RefusedError(409, "A draft is changed, not credited")
    return invoice.model_copy(
        update={
            "id": 0,
            "invoice_number": None,
            "invoice_type": "creditNote",
            "invoice_state": "draft",
            "export_state": "toTransfer",
            "invoice_date": None,
            "due_date": None,
            "credited_invoice_id": invoice.id,
            "invoice_lines": [_negate(line) for line in invoice.invoice_lines],
        }
    )


def mark_as_invoiced(expense: ProjectExpense) -> ProjectExpense:
    """Put an expense on an invoice, which requires that it is accepted and billable."""
    if expense.approval_state != "accepted" or not expense.billable:
        raise RefusedError(409, "An expense must be accepted and billable to be invoiced")
    return expense.model_copy(update={"invoiced": True})


def _negate(line: InvoiceLine) -> InvoiceLine:
    amounts = {name: getattr(line, name) for name in ("quantity", "amount_excl_vat", "amount_incl_vat")}
    return line.model_copy(update={name: -amount for name, amount in amounts.items()})
