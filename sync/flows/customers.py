"""A customer of Moment becomes a customer of 24SevenOffice, and the number made there goes back to Moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from language.said import Said, listed, say
from models.questions import NEW, Candidate
from models.words import Kind, Outcome, named
from sync.cleaning import clean, organization_number
from sync.desk import fingerprint
from sync.details import details_of
from sync.errors import Rejected, SyncError, about, caught
from sync.matching import Match, Register
from sync.outcomes import UNCHANGED, Done, skipped
from sync.records import CompanyDraft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.inbox import Change
    from sync.desk import Desk
    from sync.records import Company, Customer

LONGEST_NAME = 200

NAMED = 5
"""Candidates that a mail names; the page tells them all."""


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
        """Find out who is there already, save customers in one call, link them, and return their numbers."""
        told = self._identified(works)
        saved = iter(self._saved([each for each in told if isinstance(each, Work)]))
        return [next(saved) if isinstance(each, Work) else each for each in told]

    def _existing(self, change: Change, customer: Customer) -> int | None:
        """Find the customer that an attempt which broke off may have saved."""
        found = self._desk.erp.find_company(customer.id) if change.uncertain else None
        return found.number if found else None

    def _identified(self, works: Sequence[Work]) -> Sequence[Work | SyncError]:
        """Give those without a number that of a customer who is there already, or ask a person."""
        strangers = [work.change for work in works if work.draft.number is None]
        if not strangers:
            return works
        answers = self._desk.answers(strangers)
        register = Register(self._desk.erp.register())
        given = {work.draft.number for work in works if work.draft.number is not None}
        return [
            caught(work.title, self._identify, work, register, answers.get(work.change.id, ""), given)
            if work.draft.number is None
            else work
            for work in works
        ]

    def _identify(self, work: Work, register: Register, answer: str, given: set[int]) -> Work:
        match, number = _told(register, work.customer, answer), None
        if match.number is not None:
            taken = match.number in given or self._desk.is_taken(work.change.record, str(match.number))
            number = None if taken else match.number
            match = replace(match, candidates=(register.by_number[match.number],) if taken else ())
        if match.candidates:
            self._ask(work, match.candidates, given)
        given.update(() if number is None else (number,))
        return replace(work, draft=replace(work.draft, number=number))

    def _ask(self, work: Work, companies: Sequence[Company], given: set[int]) -> None:
        """Put the candidates before a person. Raises :class:`Rejected`, which tells them."""
        taken = {
            company.number
            for company in companies
            if company.number in given or self._desk.is_taken(work.change.record, str(company.number))
        }
        self._desk.ask(work.change, [_candidate(each, taken=each.number in taken) for each in companies])
        names = [f"{company.number} {company.name}" for company in companies[:NAMED]]
        raise Rejected(
            say("24SevenOffice has customers that this one may be: {names}.", names=listed(*names)),
            reason="which_customer",
            remedy=say("Open the record in the bridge and say which customer it is, or that it is a new one."),
        )

    def _saved(self, works: Sequence[Work]) -> Sequence[Done | SyncError]:
        if not works:
            return []
        self._desk.hold()
        answers = self._desk.erp.save_companies([self._sent(work) for work in works])
        return [
            caught(work.title, self._finish, work, answer) for work, answer in zip(works, answers, strict=True)
        ]

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


def _told(register: Register, customer: Customer, answer: str) -> Match:
    """Take a person's word, unless what they chose is gone by now."""
    if answer == NEW:
        return Match(register.known(customer))
    if answer and int(answer) in register.by_number:
        return Match(int(answer))
    return register.match(customer)


def _candidate(company: Company, *, taken: bool) -> Candidate:
    against = {"taken": taken, "supplier": company.supplier, "inactive": not company.active}
    return Candidate(
        number=str(company.number),
        name=company.name,
        organization_number=company.organization_number,
        email=", ".join(company.emails),
        note=next((note for note, speaks in against.items() if speaks), ""),
    )
