"""The operations on Moment's records, both by its API and by its users."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from sandbox.moment import rules
from sandbox.moment.records import Attachment, Customer, Invoice, Project, ProjectExpense, Record
from sandbox.moment.seed import initial_state
from sandbox.moment.state import RESOURCES, Company, RefusedError, State, find

OSLO = ZoneInfo("Europe/Oslo")
R = TypeVar("R", bound=Record)


class RecordStore:
    """Moment's records and their rules; every method raises RefusedError for what Moment refuses.

    ``notify`` is called for each record with a webhook: company, event (``CREATE_NEW`` or ``UPDATE``) and record.
    """

    def __init__(self, *, clock: Callable[[], datetime], notify: Callable[[Company, str, Record], None]) -> None:
        self._clock = clock
        self._notify = notify
        self.reset()

    def reset(self) -> None:
        self.state: State = initial_state(self._clock())

    def create(self, company_id: str, resource: str, values: Mapping[str, Any]) -> Record:
        company = self.state.company(company_id)
        records = company.records_of(resource)
        record = self._save(company, records, _apply(RESOURCES[resource](), values))
        if isinstance(record, Customer | Project):
            self._notify(company, "CREATE_NEW", record)
        return record

    def change(self, company_id: str, resource: str, record_id: int, values: Mapping[str, Any]) -> Record:
        company = self.state.company(company_id)
        records = company.records_of(resource)
        old = find(records, record_id)
        new = _apply(old, values)
        rules.check_unchangeable(old, new)
        record = self._save(company, records, new)
        if isinstance(record, Customer | Project):
            self._notify(company, "UPDATE", record)
        return record

    def delete(self, company_id: str, resource: str, record_id: int) -> None:
        company = self.state.company(company_id)
        records = company.records_of(resource)
        rules.check_unchangeable(find(records, record_id), None)
        del records[record_id]
        for attachment in company.attachments_of(record_id):
            del company.attachments[attachment.id]

    def attach(self, company_id: str, attachment: Attachment) -> Attachment:
        company = self.state.company(company_id)
        rules.check_unchangeable(find(company.project_expenses, attachment.project_expense_id), None)
        return self._save(company, company.attachments, attachment)

    def finalize(self, company_id: str, invoice_id: int) -> Invoice:
        """Give a draft its number; after that it never changes."""
        company = self.state.company(company_id)
        return self._finalize(company, find(company.invoices, invoice_id))

    def credit(self, company_id: str, invoice_id: int) -> Invoice:
        company = self.state.company(company_id)
        return self._finalize(company, rules.create_credit_note(find(company.invoices, invoice_id)))

    def invoice_expense(self, company_id: str, expense_id: int) -> ProjectExpense:
        """Put an expense on an invoice; after that it never changes."""
        company = self.state.company(company_id)
        expense = find(company.project_expenses, expense_id)
        rules.check_unchangeable(expense, None)
        return self._save(company, company.project_expenses, rules.mark_as_invoiced(expense))

    def _finalize(self, company: Company, draft: Invoice) -> Invoice:
        today = self._clock().astimezone(OSLO).date()
        invoice = self._save(company, company.invoices, rules.finalize(draft, company, today=today))
        self._notify(company, "CREATE_NEW", invoice)
        return invoice

    def _save(self, company: Company, records: dict[int, R], record: R) -> R:
        rules.complete(record, company)
        if not record.id:
            self.state.last_id += 1
            record.id = self.state.last_id
        record.last_modified_date = self._clock()
        records[record.id] = record
        return record


def _apply(record: R, values: Mapping[str, Any]) -> R:
    try:
        new = type(record).model_validate(
            {**record.model_dump(by_alias=True), **values}, by_name=False, by_alias=True
        )
    except ValidationError as refusal:
        faults = (f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in refusal.errors())
        raise RefusedError(400, "; ".join(faults)) from None
    for name in sorted(record.READ_ONLY):
        if getattr(new, name) != getattr(record, name):
            raise RefusedError(400, f"{to_camel(name)} is read only")
    return new
