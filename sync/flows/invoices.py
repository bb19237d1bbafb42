"""A finalized invoice of Moment becomes a voucher in the journal of 24SevenOffice, exactly once.

Nobody knows what a call that went wrong has saved (S8), so the ledger is looked at before anything is posted
again, and a voucher that is there but differs is left to a person.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, TypeVar

from language.said import Said, say
from models.changes import UNSEEN
from models.words import Kind, Outcome, Record, named
from sync.comments import comment_of
from sync.errors import Rejected, SyncError, Uncertain, about, caught
from sync.outcomes import UNCHANGED, Done, skipped
from sync.records import Transfer
from sync.vouchers import agrees, check_bookings, kroner, voucher_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from models.inbox import Change
    from sync.desk import Desk
    from sync.records import FiscalYear, Invoice, Voucher

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Work:
    """An invoice whose voucher is to be posted in a fiscal year."""

    change: Change
    title: str
    voucher: Voucher
    year: int


class Invoices:
    """Posts the vouchers of finalized invoices, those of one fiscal year in one call."""

    batch = 20
    together = True

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def prepare(self, change: Change) -> Work | Done:
        """Read an invoice and make its voucher, or find that there is nothing to post."""
        if self._desk.link(change.record):
            return UNCHANGED
        invoice = self._desk.moment.invoice(change.record.id)
        if invoice is None:
            return skipped(say("Moment does not have this invoice any more."), reason="gone")
        self._desk.mention(Record(Kind.CUSTOMER, invoice.customer_id))
        name = title(invoice)
        if left := left_alone(invoice):
            return replace(left, title=name)
        with about(name):
            year = self.fiscal_year(invoice.day)
            work = Work(change, name, self.voucher(invoice), year.number)
            return (self._look(work) if change.uncertain else None) or work

    def send(self, works: Sequence[Work]) -> Sequence[Done | SyncError]:
        """Post vouchers, a call for each fiscal year; a refused call is followed by a look and single calls."""
        answers: dict[int, Done | SyncError] = {}
        for year, group in groupby(sorted(works, key=lambda work: work.year), key=lambda work: work.year):
            answers |= self._post(list(group), year=year)
        return [answers[work.change.id] for work in works]

    def _post(self, works: Sequence[Work], *, year: int) -> dict[int, Done | SyncError]:
        """Post in one call; an answer for each change."""
        try:
            works = self._numbered(works)
        except SyncError as error:
            return _all(works, error)
        try:
            self._desk.hold()
            self._desk.erp.post([work.voucher for work in works], year=year)
        except (Uncertain, Rejected) as error:
            refusal = error.otherwise if isinstance(error, Uncertain) else error
            if refusal:
                return self._sort_out(works, refusal, year=year)
            return _all(works, error)
        except SyncError as error:
            return _all(works, error)
        return {
            work.change.id: _doubted(caught(work.title, self._save, work, work.voucher.number)) for work in works
        }

    def _sort_out(self, works: Sequence[Work], refusal: SyncError, *, year: int) -> dict[int, Done | SyncError]:
        """After a refusal, link what was saved all the same and post the rest one by one, to find the bad one."""
        answers: dict[int, Done | SyncError] = {}
        for work in works:
            found = _doubted(caught(work.title, self._look, work))
            if found:
                answers[work.change.id] = found
            else:
                answers |= _all([work], refusal) if len(works) == 1 else self._post([work], year=year)
        return answers

    def _look(self, work: Work) -> Done | None:
        """Find a voucher that an earlier call may have saved. Raises :class:`Rejected` where it is another one."""
        posted = self._desk.erp.posted(work.voucher.invoice_number, day=work.voucher.day)
        number = agrees(work.voucher, posted)
        if number is None and posted:
            raise _differs(work)
        if number is None and self._desk.settings.posting == "draft":
            raise _unseen(work)
        return None if number is None else self._save(work, number)

    def _save(self, work: Work, number: int) -> Done:
        self._desk.save_link(work.change.record, remote_id=f"{work.year}/{number}")
        amount = kroner(work.voucher.entries[0].amount)
        told = say("Voucher {number} of {year}, {amount} kroner.", number=number, year=work.year, amount=amount)
        return Done(Outcome.SYNCED, work.title, told)

    def voucher(self, invoice: Invoice) -> Voucher:
        """Make the voucher of an invoice. Raises :class:`Rejected`, or what its customer and projects raise."""
        desk, settings = self._desk, self._desk.settings
        address = desk.moment.invoice_address(invoice.id)
        return voucher_of(
            invoice,
            customer_number=settings.factoring_id or desk.customer_number(invoice.customer_id),
            project_number=desk.project_number,
            tax_codes=self._tax_codes(invoice),
            settings=settings,
            comment=comment_of(invoice, title=title(invoice), address=address, settings=settings),
        )

    def _tax_codes(self, invoice: Invoice) -> Mapping[int, str]:
        """Tell the VAT codes of the accounts, of which those that the invoice needs are there and right."""
        try:
            return self._checked(invoice)
        except Rejected:
            self._forget()  # someone may just have opened the account, or put its VAT code right
            return self._checked(invoice)

    def _checked(self, invoice: Invoice) -> Mapping[int, str]:
        erp, settings = self._desk.erp, self._desk.settings
        rates = erp.vat_codes() if settings.check_vat else {}
        tax_codes = erp.tax_codes()
        check_bookings(invoice, rates=rates, tax_codes=tax_codes, settings=settings)
        return tax_codes

    def _forget(self) -> None:
        self._desk.erp.forget()

    def fiscal_year(self, day: date) -> FiscalYear:
        """Tell the open fiscal year of a day. Raises :class:`Rejected` where there is none."""
        for fresh in (False, True):
            if fresh:
                self._forget()  # someone may just have opened the year
            for year in self._desk.erp.fiscal_years():
                if year.starts <= day <= year.ends and not year.locked:
                    return year
        raise Rejected(
            say(
                "The invoice date is {day}, and 24SevenOffice has no open fiscal year with that day.",
                day=f"{day:%d.%m.%Y}",
            ),
            reason="fiscal_year",
            remedy=say("Open the fiscal year in 24SevenOffice and try again, or post the invoice by hand."),
        )

    def _numbered(self, works: Sequence[Work]) -> Sequence[Work]:
        """Give the vouchers the numbers of the series, where the connection does not keep Moment's (S1)."""
        if self._desk.settings.voucher_number == "moment":
            return works
        first = self._desk.erp.next_voucher_number(works[0].voucher.day)
        return [replace(work, voucher=replace(work.voucher, number=first + n)) for n, work in enumerate(works)]


def title(invoice: Invoice) -> Said:
    """Name an invoice as a person does."""
    number = str(invoice.number or invoice.id)
    return say("Credit note {name}", name=number) if invoice.credit_note else named(Kind.INVOICE, number)


def left_alone(invoice: Invoice) -> Done | None:
    """Tell why an invoice is not to travel, if it is not."""
    if not invoice.finalized:
        return skipped(say("The invoice is not finalized yet."), reason="not_finalized")
    if invoice.transfer is Transfer.UNWANTED:
        return skipped(say("Moment says: do not transfer to accounting."), reason="do_not_transfer")
    if invoice.transfer is Transfer.DONE:
        return skipped(say("Moment says that it has been transferred already."), reason="transferred")
    return None


def _all(works: Sequence[Work], error: SyncError) -> dict[int, Done | SyncError]:
    return {work.change.id: _named(error, work.title) for work in works}


def _doubted(answer: T) -> T:
    """Remember of what went wrong after a call that it may have saved the voucher."""
    if isinstance(answer, SyncError):
        answer.in_doubt = True
    return answer


def _named(error: SyncError, name: str) -> SyncError:
    named = copy(error)  # one refusal may stand for many invoices
    named.title = name
    return named


def _unseen(work: Work) -> Rejected:
    return Rejected(
        say(
            "A call broke off, and from outside it cannot be seen whether voucher {number} waits as a draft in "
            "the journal of 24SevenOffice.",
            number=work.voucher.number,
        ),
        reason=UNSEEN,
        remedy=say("Look for it in the journal: mark the invoice as handled if it is there, else try it again."),
    )


def _differs(work: Work) -> Rejected:
    return Rejected(
        say(
            "The ledger has another voucher with invoice number {number}: its account, amount, date or customer "
            "is not that of Moment's invoice ({amount} kroner, {day}).",
            number=work.voucher.invoice_number,
            amount=kroner(work.voucher.entries[0].amount),
            day=f"{work.voucher.day:%d.%m.%Y}",
        ),
        reason="differs",
        remedy=say("Compare the two. Correct the voucher in 24SevenOffice and try again, or mark it as handled."),
    )
