"""How invoices are finalized and credited, and take expenses: actions of Moment's users, outside its API."""

from datetime import date, timedelta

from sandbox.moment.records import Invoice, InvoiceLine, ProjectExpense
from sandbox.moment.state import Company, Refused

CREDIT = timedelta(days=14)


def finalized(draft: Invoice, company: Company, *, today: date) -> Invoice:
    """Give a draft the company's next invoice number, and ``today`` as its date if it has none."""
    if draft.invoice_state == "finalized":
        raise Refused(409, f"Invoice {draft.invoice_number} is finalized already")
    if draft.customer_id not in company.customers or not draft.invoice_lines:
        raise Refused(409, "An invoice needs a customer and a line to be finalized")
    day = draft.invoice_date or today
    return draft.model_copy(
        update={
            "invoice_number": 1 + max((one.invoice_number or 0 for one in company.invoices.values()), default=0),
            "invoice_state": "finalized",
            "invoice_date": day,
            "due_date": draft.due_date or day + CREDIT,
        }
    )


def credit_note(invoice: Invoice) -> Invoice:
    """Draft the credit note that reverses a whole invoice."""
    if invoice.invoice_state != "finalized":
        raise Refused(409, "A draft is changed, not credited")
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
            "invoice_lines": [_negated(line) for line in invoice.invoice_lines],
        }
    )


def invoiced(expense: ProjectExpense) -> ProjectExpense:
    """Put an expense on an invoice, which requires that it is accepted and billable."""
    if expense.approval_state != "accepted" or not expense.billable:
        raise Refused(409, "An expense must be accepted and billable to be invoiced")
    return expense.model_copy(update={"invoiced": True})


def _negated(line: InvoiceLine) -> InvoiceLine:
    amounts = {name: getattr(line, name) for name in ("quantity", "amount_excl_vat", "amount_incl_vat")}
    return line.model_copy(update={name: -amount for name, amount in amounts.items()})
