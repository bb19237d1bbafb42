"""A customer of Moment becomes a customer of 24SevenOffice, and the number made there goes back to Moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from language.said import Said, say
from models.words import Kind, Outcome, named
from sync.cleaning import clean, organization_number
from sync.desk import fingerprint, is_int32
from sync.details import details_of
from sync.errors import Rejected, SyncError, about, caught
from sync.outcomes import UNCHANGED, Done, skipped
from sync.records import CompanyDraft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.inbox import Change
    from sync.desk import Desk
    from sync.records import Company, Customer

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Work:
    """A customer that is to be saved; ``draft.number`` is None where 24SevenOffice makes the number."""

    change: Change
    customer: Customer
    draft: CompanyDraft

    @property
    def title(self) -> Said:
        """What a person calls the customer."""
        return title(self.customer)


class Customers:
    """Saves new and changed customers, many in one call, and returns their numbers."""

    batch = 50
    together = True

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def prepare(self, change: Change) -> Work | Done:
        """Read a customer and see what has to be saved; a number that Moment lacks is returned at once."""
        customer = self._desk.moment.customer(change.record.id)
        if customer is None:
            return skipped(say("Moment does not have this customer any more."), reason="gone")
        with about(title(customer)):
            draft = draft_of(customer, details=self._desk.settings.customer_details == "always")
            link = self._desk.link(change.record)
            if link is None:
                return Work(change, customer, replace(draft, number=self._existing(change, customer)))
            if link.fingerprint == fingerprint(draft):
                return self._return_number(customer, int(link.remote_id))
            return Work(change, customer, replace(draft, number=int(link.remote_id)))

    def send(self, works: Sequence[Work]) -> Sequence[Done | SyncError]:
        """Save customers in one call, link them, and return their numbers."""
        self._desk.hold()
        answers = self._desk.erp.save_companies([self._sent(work) for work in works])
        return [
            caught(work.title, self._finish, work, answer) for work, answer in zip(works, answers, strict=True)
        ]

    def _existing(self, change: Change, customer: Customer) -> int | None:
        """Find the customer where 24SevenOffice has it, from an attempt that broke off or from a person."""
        if change.uncertain:
            found = self._desk.erp.find_company(customer.id)
            if found:
                return found.number
        if is_int32(customer.number):
            held = self._desk.erp.company(int(customer.number))
            if held and is_same(customer, held):
                return held.number
        return None

    def _sent(self, work: Work) -> CompanyDraft:
        """Tell what is saved: of one that 24SevenOffice has yet to number, there are no details kept by hand."""
        if work.draft.number is None and self._desk.settings.customer_details == "new":
            return replace(work.draft, details=details_of(work.customer))
        return work.draft

    def _finish(self, work: Work, answer: int | SyncError) -> Done:
        if isinstance(answer, SyncError):
            raise answer
        sent = fingerprint(replace(work.draft, number=None))
        self._desk.save_link(work.change.record, remote_id=str(answer), fingerprint=sent)
        self._return_number(work.customer, answer)
        return Done(Outcome.SYNCED, work.title, say("Customer number {number}.", number=answer))

    def _return_number(self, customer: Customer, number: int) -> Done:
        """Give Moment the number that 24SevenOffice made, unless it has it; its echo then changes nothing."""
        if customer.number == str(number):
            return UNCHANGED
        self._desk.hold()
        self._desk.moment.return_customer_number(customer.id, number)
        returned = say("Customer number {number} returned to Moment.", number=number)
        return Done(Outcome.SYNCED, title(customer), returned)


def title(customer: Customer) -> Said:
    """Name a customer as a person does."""
    return named(Kind.CUSTOMER, clean(customer.name, longest=80) or customer.id)


def draft_of(customer: Customer, *, details: bool = False) -> CompanyDraft:
    """Put a customer as 24SevenOffice takes it, perhaps with its address, country and phone.

    Raises :class:`Rejected` for one without a name.
    """
    name = clean(customer.name, longest=LONGEST_NAME)
    if not name:
        raise Rejected(
            say("Customer {number} has no name.", number=customer.id),
            reason="no_name",
            remedy=say("Give the customer a name in Moment."),
        )
    return CompanyDraft(
        moment_id=customer.id,
        name=name,
        organization_number=organization_number(customer.organization_number, country=customer.country),
        email=customer.email.strip(),
        invoice_email=customer.invoice_email.strip(),
        is_company=customer.is_company or bool(customer.organization_number),
        details=details_of(customer) if details else None,
    )


def is_same(customer: Customer, company: Company) -> bool:
    """Tell whether a customer that 24SevenOffice has under the same number is the same one, by number or name."""
    if company.moment_id:
        return company.moment_id == customer.id
    ours = organization_number(customer.organization_number, country=customer.country)
    if ours and company.organization_number:
        return ours == organization_number(company.organization_number, country="")
    return clean(customer.name, longest=LONGEST_NAME).casefold() == company.name.strip().casefold()
