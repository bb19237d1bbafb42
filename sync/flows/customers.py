"""Customers: from Moment to 24SevenOffice, whose customer number is returned to Moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from i18n.messages import Message, joined, msg
from models.enums import EntityType, Outcome, Record, titled
from models.error_codes import GONE, WHICH_CUSTOMER
from models.inbox.leases import SyncJob
from models.inbox.links import Link, LinkState
from models.inbox.questions import CREATE_NEW, Candidate
from sync.engine.context import LOST_NOTE, NOT_IN_MOMENT, SyncContext
from sync.engine.outcomes import UNCHANGED, Success, skipped
from sync.error_codes.names import CUSTOMER_NUMBER, NO_NAME, NUMBER_KEPT
from sync.errors import RejectedError, SyncError, error_as_value, naming_record
from sync.records import Address, Company, CompanyDraft, Customer, CustomerDetails, fingerprint
from sync.rules.identity_numbers import NATIONAL_ID
from sync.rules.match_comparison import one_line
from sync.rules.matching import CustomerMatcher, Match, is_business
from sync.rules.normalization import (
    MAX_CITY_LENGTH,
    MAX_CUSTOMER_NAME_LENGTH,
    MAX_POSTAL_CODE_LENGTH,
    MAX_STREET_LENGTH,
    clean,
    country_code,
    cut_warning,
    several_addresses_warning,
)
from sync.rules.organization_numbers import organization_number, organization_number_warning
from sync.rules.record_summaries import MAX_NUMBER_LENGTH, customer_summary

MAX_NAMES_SHOWN = 5
"""Candidates that a mail names; the page lists all of them."""

MAX_ADDRESSES = 100
"""The number of candidates of a batch whose addresses are read."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A person's answer, a number, :data:`CREATE_NEW` or "", and the numbers of matches that were undone."""

    answer: str
    undone: frozenset[int]


@dataclass(frozen=True, slots=True)
class PreparedCustomer:
    """A customer to be saved, without a ``draft.number`` until it gets one; ``is_new`` by a person's answer."""

    job: SyncJob
    customer: Customer
    draft: CompanyDraft
    is_new: bool = False

    @property
    def title(self) -> Message:
        return title(self.customer)


class Customers:
    """Saves new and changed customers, many in one call, and returns their numbers to Moment."""

    batch_size = 50
    sends_together = True

    def __init__(self, context: SyncContext) -> None:
        self._context = context

    def prepare(self, job: SyncJob) -> PreparedCustomer | Success:
        """Read a customer and decide whether to save it. A number that Moment lacks is sent to it at once."""
        customer = self._context.moment.customer(job.record.id)
        if customer is None:
            return self._release_deleted(job)
        self._context.set_summary(customer_summary(customer))
        with naming_record(title(customer)):
            draft = draft_of(customer, details=self._context.settings.customer_details == "always")
            link = self._context.link(job.record)
            if link is None:
                number = self._saved_by_earlier_attempt(job, customer)
                return PreparedCustomer(job, customer, replace(draft, number=number))
            if link.fingerprint == fingerprint(draft) and not job.outcome_unknown:
                returned = self._return_number(job.record, customer, link)
                return replace(returned, warnings=self._warnings(customer))
            return PreparedCustomer(job, customer, replace(draft, number=int(link.remote_id)))

    def send(self, batch: Sequence[PreparedCustomer]) -> Sequence[Success | SyncError]:
        """Match customers, save them in one call and link them.

        If several may be the same customer, one is saved before the others are matched.
        """
        results: dict[int, Success | SyncError] = {}
        batch = self._without_lost(batch)
        while left := [item for item in batch if item.job.id not in results]:
            try:
                matched = self._match_all(left)
                results |= {job.id: each for job, each in matched.items() if isinstance(each, SyncError)}
                ready = _without_duplicates(
                    [each for each in matched.values() if isinstance(each, PreparedCustomer)]
                )
                results |= {item.job.id: each for item, each in zip(ready, self._save_all(ready), strict=True)}
            except SyncError as error:
                results |= {
                    item.job.id: error.replace(title=item.title) for item in left if item.job.id not in results
                }
        return [results[item.job.id] for item in batch]

    def _release_deleted(self, job: SyncJob) -> Success:
        """Release the link of a customer that Moment no longer has, unless a person has chosen a number for it."""
        link = self._context.link(job.record)
        answer = self._context.answers([job]).get(job.id, "") if link is None else ""
        number = link.remote_id if link and link.fingerprint == LinkState.CHOSEN else answer
        if number.isdecimal() and not (
            self._context.is_taken(job.record, number) or self._context.is_lost(EntityType.CUSTOMER, int(number))
        ):
            self._context.save_link(job.record, remote_id=number, fingerprint=LinkState.CHOSEN)
            message = msg(
                "This customer no longer exists in Moment. Remaining records go to {number}.", number=number
            )
            return Success(Outcome.SYNCED, message=message)
        self._context.release_link(job.record, because=NOT_IN_MOMENT)
        return skipped(msg("This customer no longer exists in Moment."), error_code=GONE)

    def _saved_by_earlier_attempt(self, job: SyncJob, customer: Customer) -> int | None:
        """Find the customer that an interrupted attempt may have saved, unless a person has chosen another."""
        if not job.outcome_unknown:
            return None
        choice = self._choices([job])[job.id]
        if choice.answer not in ("", CREATE_NEW):
            return None
        found = self._context.erp.find_company(customer.id)
        return found.number if found and found.number not in choice.undone else None

    def _without_lost(self, batch: Sequence[PreparedCustomer]) -> Sequence[PreparedCustomer]:
        """Remove the numbers of customers that 24SevenOffice no longer has: saving one would create it again."""
        linked = {item.draft.number for item in batch if item.draft.number and self._context.link(item.job.record)}
        existing = self._context.erp.existing_companies(linked) if linked else ()
        lost = linked.difference(existing)
        return [self._without_number(item) if item.draft.number in lost else item for item in batch]

    def _without_number(self, item: PreparedCustomer) -> PreparedCustomer:
        self._context.release_lost(item.job.record, item.draft.number or 0)
        return replace(item, draft=replace(item.draft, number=None))

    def _match_all(self, batch: Sequence[PreparedCustomer]) -> Mapping[SyncJob, PreparedCustomer | SyncError]:
        """Set the number of an existing customer on each customer without one, or ask a person."""
        unlinked = [item.job for item in batch if item.draft.number is None]
        if not unlinked:
            return {item.job: item for item in batch}
        choices = self._choices(unlinked)
        matcher = CustomerMatcher(self._context.erp.all_companies())
        used = {item.draft.number for item in batch if item.draft.number is not None}
        addresses = self._addresses(
            each.number
            for item in batch
            if item.draft.number is None
            for each in _match_of(matcher, item.customer, choices[item.job.id]).candidates
        )

        def match(item: PreparedCustomer) -> PreparedCustomer:
            return self._match(item, matcher, choices[item.job.id], used, addresses)

        return {
            item.job: error_as_value(item.title, match, item) if item.draft.number is None else item
            for item in batch
        }

    def _choices(self, jobs: Sequence[SyncJob]) -> Mapping[int, Choice]:
        answers, undone = self._context.answers(jobs), self._context.undone(jobs)
        return {job.id: Choice(answers.get(job.id, ""), undone.get(job.id, frozenset())) for job in jobs}

    def _addresses(self, candidates: Iterable[int]) -> Mapping[int, Address]:
        """Read the addresses of candidates for a person's question, in one call for the batch."""
        numbers = sorted(set(candidates))[:MAX_ADDRESSES]
        return self._context.erp.addresses(numbers) if numbers else {}

    def _match(
        self,
        item: PreparedCustomer,
        matcher: CustomerMatcher,
        choice: Choice,
        used: set[int],
        addresses: Mapping[int, Address],
    ) -> PreparedCustomer:
        answer = choice.answer
        match, number = _match_of(matcher, item.customer, choice), None
        if match.number is not None:
            taken = match.number in used or self._context.is_taken(item.job.record, str(match.number))
            number = None if taken else match.number
            match = replace(match, candidates=(matcher.by_number[match.number],) if taken else ())
        if match.candidates:
            self._ask_for_match(item, match.candidates, used, addresses)
        if answer != CREATE_NEW and (number is None or answer not in ("", str(number))):
            self._check_is_new(item.job, answer)
        used.update(() if number is None else (number,))
        return replace(item, draft=replace(item.draft, number=number), is_new=answer == CREATE_NEW)

    def _check_is_new(self, job: SyncJob, answer: str) -> None:
        """Raise RejectedError if a person entered a number, or 24SevenOffice had the customer before."""
        if answer:
            raise RejectedError(
                msg(
                    "Customer {number}, which was entered manually, doesn't exist in 24SevenOffice.", number=answer
                ),
                error_code=CUSTOMER_NUMBER,
                remedy=msg("Open the record and enter the number of an existing 24SevenOffice customer."),
            )
        if lost := self._context.candidate_with_note(job, LOST_NOTE):
            raise RejectedError(
                msg("This customer had number {number} in 24SevenOffice but no longer exists there.", number=lost),
                error_code=WHICH_CUSTOMER,
            )

    def _ask_for_match(
        self,
        item: PreparedCustomer,
        companies: Sequence[Company],
        used: set[int],
        addresses: Mapping[int, Address],
    ) -> None:
        """Ask a person to choose a candidate. Raises :class:`RejectedError`, which names the candidates."""
        taken = {
            company.number
            for company in companies
            if company.number in used or self._context.is_taken(item.job.record, str(company.number))
        }
        candidates = [
            _candidate(each, taken=each.number in taken, address=addresses.get(each.number)) for each in companies
        ]
        self._context.ask_for_match(item.job, candidates, _as_candidate(item))
        names = [f"{company.number} {company.name}" for company in companies[:MAX_NAMES_SHOWN]]
        raise RejectedError(
            msg("Possible matches in 24SevenOffice: {names}.", names=joined(*names)),
            error_code=WHICH_CUSTOMER,
        )

    def _save_all(self, batch: Sequence[PreparedCustomer]) -> Sequence[Success | SyncError]:
        if not batch:
            return []
        self._context.renew_lease()
        numbers = self._context.erp.save_companies([self._draft_to_send(item) for item in batch])
        return [
            error_as_value(item.title, self._finish, item, number)
            for item, number in zip(batch, numbers, strict=True)
        ]

    def _draft_to_send(self, item: PreparedCustomer) -> CompanyDraft:
        """Return the draft to send. A new customer is sent with its details, because no person has edited them."""
        if item.draft.number is None and self._context.settings.customer_details == "new":
            return replace(item.draft, details=customer_details(item.customer))
        return item.draft

    def _finish(self, item: PreparedCustomer, number: int | SyncError) -> Success:
        """Link a saved customer and send its number to Moment."""
        if isinstance(number, SyncError):
            raise number
        sent = fingerprint(replace(item.draft, number=None))
        try:
            self._context.save_link(item.job.record, remote_id=str(number), fingerprint=sent)
        except SyncError as error:  # it is saved, but no link has its number
            raise error.replace(outcome_unknown=True) from error
        if link := self._context.link(item.job.record):
            self._return_number(item.job.record, item.customer, link)
        message = msg("Customer number {number}.", number=number)
        return Success(Outcome.SYNCED, item.title, message, warnings=self._warnings(item.customer))

    def _warnings(self, customer: Customer) -> tuple[Message, ...]:
        """Return warnings about the customer, which last as long as its data in Moment."""
        return warnings_of(customer, details=self._context.settings.customer_details != "never")

    def _return_number(self, record: Record, customer: Customer, link: Link) -> Success:
        """Send Moment the number, unless it has it. Raises RejectedError if it kept its own before."""
        number = int(link.remote_id)
        if customer.number == link.remote_id:
            if link.replaced_number is not None:
                self._context.save_replaced_number(record, link, None)
            return UNCHANGED
        if customer.number == link.replaced_number:
            raise _number_kept_error(customer, number)
        self._context.renew_lease()
        self._context.moment.write_customer_number(customer.id, number)
        self._context.save_replaced_number(record, link, customer.number)
        returned = msg("Customer number {number} sent to Moment.", number=number)
        return Success(Outcome.SYNCED, title(customer), returned)


def _number_kept_error(customer: Customer, number: int) -> RejectedError:
    return RejectedError(
        msg(
            "This customer has number {number} in 24SevenOffice. It was sent to Moment, which still has “{own}”.",
            number=number,
            own=customer.number,
        ),
        error_code=NUMBER_KEPT,
        remedy=msg(
            "Enter number {number} for the customer in Moment. Invoices are booked on that number either way.",
            number=number,
        ),
    )


def title(customer: Customer) -> Message:
    return titled(EntityType.CUSTOMER, clean(customer.name, max_length=80) or customer.id)


def draft_of(customer: Customer, *, details: bool = False) -> CompanyDraft:
    """Return the customer as 24SevenOffice accepts it. Raises RejectedError without a name."""
    name = clean(customer.name, max_length=MAX_CUSTOMER_NAME_LENGTH)
    if not name:
        raise RejectedError(
            msg("Customer {number} has no name.", number=customer.id),
            error_code=NO_NAME,
        )
    return CompanyDraft(
        moment_id=customer.id,
        name=name,
        organization_number=organization_number(customer.organization_number, country=customer.country),
        email=customer.email.strip(),
        invoice_email=customer.invoice_email.strip(),
        is_company=None if customer.is_company is None else is_business(customer),
        details=customer_details(customer) if details else None,
    )


def customer_details(customer: Customer) -> CustomerDetails | None:
    """Return the address, country and phone of a customer; None if Moment has none of them."""
    addresses = tuple(map(_cut, customer.addresses))
    details = CustomerDetails(phone=customer.phone, country=country_code(customer.country), addresses=addresses)
    return details if details != CustomerDetails() else None


def warnings_of(customer: Customer, *, details: bool) -> tuple[Message, ...]:
    """Return warnings about cut or doubtful fields of a customer, and of its address if ``details`` are sent."""
    found = [
        organization_number_warning(customer.organization_number, country=customer.country),
        cut_warning(msg("The name"), customer.name, max_length=MAX_CUSTOMER_NAME_LENGTH),
        several_addresses_warning(msg("The email address"), customer.email),
        several_addresses_warning(msg("The email address for invoices"), customer.invoice_email),
    ]
    for each in customer.addresses if details else ():
        found += (
            cut_warning(msg("The street"), each.street, max_length=MAX_STREET_LENGTH),
            cut_warning(msg("The postal code"), each.postal_code, max_length=MAX_POSTAL_CODE_LENGTH),
            cut_warning(msg("The town"), each.city, max_length=MAX_CITY_LENGTH),
        )
    return tuple(dict.fromkeys(filter(None, found)))


def _cut(address: Address) -> Address:
    return replace(
        address,
        street=clean(address.street, max_length=MAX_STREET_LENGTH),
        postal_code=clean(address.postal_code, max_length=MAX_POSTAL_CODE_LENGTH),
        city=clean(address.city, max_length=MAX_CITY_LENGTH),
    )


def _without_duplicates(batch: Sequence[PreparedCustomer]) -> Sequence[PreparedCustomer]:
    """Leave out new customers that may be the same as an earlier one, unless a person says that they are new."""
    new, kept = CustomerMatcher([]), list[PreparedCustomer]()
    for item in batch:
        if item.draft.number is None:
            if not item.is_new and new.has_namesake(item.customer):
                continue
            new.add(item.draft.as_company(len(kept)))
        kept.append(item)
    return kept


def _match_of(matcher: CustomerMatcher, customer: Customer, choice: Choice) -> Match:
    """Return the person's choice if it still exists, else the best match; one that was undone is never certain."""
    if choice.answer == CREATE_NEW:
        return Match(matcher.known(customer, exclude=choice.undone))
    if choice.answer and int(choice.answer) in matcher.by_number:
        return Match(int(choice.answer))
    match = matcher.match(customer)
    if match.number in choice.undone:
        return Match(candidates=(matcher.by_number[match.number],))
    return match


def _as_candidate(item: PreparedCustomer) -> Candidate:
    """Return the customer as Moment has it, without identity numbers."""
    customer, draft = item.customer, item.draft
    emails = dict.fromkeys(filter(None, (draft.email, draft.invoice_email)))
    return Candidate(
        number=clean(customer.number, max_length=MAX_NUMBER_LENGTH),
        name=NATIONAL_ID.sub("*" * 11, draft.name),
        organization_number=draft.organization_number,
        email=", ".join(emails),
        address=one_line(next(iter(customer.addresses), None)),
    )


def _candidate(company: Company, *, taken: bool, address: Address | None) -> Candidate:
    notes = {"taken": taken, "supplier": company.supplier, "inactive": not company.active}
    return Candidate(
        number=str(company.number),
        name=company.name,
        organization_number=company.organization_number,
        email=", ".join(company.emails),
        note=next((note for note, applies in notes.items() if applies), ""),
        address=one_line(address),
    )
