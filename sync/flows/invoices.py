"""Invoices: a finalized invoice in Moment becomes a voucher in 24SevenOffice's journal, exactly once.

After a failed call, it is unknown what was saved (S8): the ledger is searched before anything is posted again.
:mod:`sync.rules.vouchers` makes the voucher, also that of a credit note.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import TypeGuard, TypeVar

from i18n.messages import Day, Message, msg
from models.connections.account_ranges import AccountRanges
from models.enums import EntityType, Outcome, titled
from models.error_codes import GONE, SET_ASIDE, UNSEEN_DRAFT
from models.inbox.leases import SyncJob
from sync.engine.context import SyncContext
from sync.engine.outcomes import UNCHANGED, Success, skipped
from sync.error_codes.names import (
    ACCOUNT_UNKNOWN,
    BEFORE_FIRST_DAY,
    DIFFERS,
    DO_NOT_TRANSFER,
    FISCAL_YEAR,
    NOT_FINALIZED,
    NOTHING_TO_POST,
    TRANSFERRED,
    VAT_ACCOUNT,
    VAT_RATE,
    VAT_ROUNDING,
)
from sync.errors import (
    DependencyPendingError,
    MisconfiguredError,
    OutcomeUnknownError,
    RejectedError,
    SyncError,
    UnavailableError,
    error_as_value,
    naming_record,
)
from sync.flows.first_vouchers import FirstVouchers
from sync.money import NOK, format_kroner
from sync.records import Chart, ExportStatus, FiscalYear, Invoice, LedgerLine, SetupPart, Voucher, is_ambiguous
from sync.rules.record_summaries import invoice_summary
from sync.rules.vouchers import (
    check_bookings,
    check_rate,
    find_posted,
    has_differing_voucher,
    voucher_comment,
    voucher_of,
)

T = TypeVar("T")

NO_ENTRIES = skipped(msg("All accounts come to zero, so there is nothing to post."), error_code=NOTHING_TO_POST)

OUTDATED = {
    ACCOUNT_UNKNOWN: (SetupPart.CHART,),
    VAT_RATE: (SetupPart.CHART, SetupPart.VAT_CODES),
    VAT_ACCOUNT: (SetupPart.CHART, SetupPart.VAT_CODES),
    VAT_ROUNDING: (SetupPart.VAT_CODES,),
    FISCAL_YEAR: (SetupPart.FISCAL_YEARS,),
}
"""The parts of the cached accounting setup that may be outdated after a refusal, by error code; else all parts."""


@dataclass(frozen=True, slots=True)
class PreparedInvoice:
    """An invoice whose voucher is to be posted in a fiscal year."""

    job: SyncJob
    title: str
    voucher: Voucher
    year: int


class Invoices:
    """Posts the vouchers of finalized invoices, with one call for each fiscal year."""

    batch_size = 20
    sends_together = True

    def __init__(self, context: SyncContext) -> None:
        self._context = context
        self._dropped_parts: set[SetupPart] = set()
        self._first_vouchers = FirstVouchers(context, self.voucher)

    def prepare(self, job: SyncJob) -> PreparedInvoice | Success:
        """Read an invoice and make its voucher, or return why nothing is posted."""
        if self._context.link(job.record):
            return self._read_back_again(job)
        try:
            invoice = self._context.moment.invoice(job.record.id)
        except RejectedError as refusal:
            if refusal.invoice:
                self._set_summary(refusal.invoice)
            raise
        if invoice is None:
            return skipped(msg("This invoice no longer exists in Moment."), error_code=GONE)
        self._set_summary(invoice)
        name = title(invoice)
        if skip := skip_reason(invoice, first_day=self._context.settings.invoice_from):
            return replace(skip, title=name)
        with naming_record(name):
            return self._prepare_voucher(job, invoice)

    def _prepare_voucher(self, job: SyncJob, invoice: Invoice) -> PreparedInvoice | Success:
        """Make the voucher, or link the one that the ledger already has."""
        year = self.fiscal_year(invoice.day)
        voucher = self.voucher(invoice)
        if not voucher.counter_entries:
            return replace(NO_ENTRIES, title=title(invoice))
        item = PreparedInvoice(job, title(invoice), voucher, year.number)
        if former := self._context.former_link(job.record):
            return self._restore_link(item, former)
        if job.outcome_unknown:
            sent_as = job.sent_as or self._context.settings.posting  # the setting may have changed since
            return self._find_and_link(item, sent_as=sent_as) or item
        return item

    def _set_summary(self, invoice: Invoice) -> None:
        name, number = self._context.party(invoice.customer_id)
        self._context.set_summary(invoice_summary(invoice, customer=name, customer_number=number))

    def _read_back_again(self, job: SyncJob) -> Success:
        """Read back a linked voucher once more, if the ledger did not have it or its VAT differed before."""
        voucher_vat = job.sent_vat or self._context.settings.voucher_vat
        if not job.outcome_unknown or not self._first_vouchers.is_first(job.record, voucher_vat):
            return UNCHANGED
        invoice = self._context.moment.invoice(job.record.id)
        if invoice is None:
            return UNCHANGED
        with naming_record(title(invoice)):
            self._first_vouchers.read_back(job.record, self.voucher(invoice), voucher_vat=voucher_vat)
        return UNCHANGED

    def _restore_link(self, item: PreparedInvoice, former: str) -> Success:
        """Link again what was posted before links were set aside. Raises RejectedError if the ledger lacks it."""
        if found := self._find_and_link(item, sent_as="ledger"):  # the question to a person covers drafts too
            return found
        raise RejectedError(
            msg(
                "The invoice was posted as voucher {former} before the links of this connection were set aside, "
                "and the ledger of 24SevenOffice doesn't have it.",
                former=former,
            ),
            error_code=SET_ASIDE,
            remedy=msg(
                "If it belongs in this ledger and isn't a draft in its journal, retry it on its own, and it is "
                "posted. Otherwise mark it as resolved."
            ),
        )

    def send(self, batch: Sequence[PreparedInvoice]) -> Sequence[Success | SyncError]:
        """Post the vouchers, one fiscal year after the other. An error that stops one year stops the following."""
        results: dict[int, Success | SyncError] = {}
        for year, group in groupby(sorted(batch, key=lambda item: item.year), key=lambda item: item.year):
            stop = next(filter(_ends_posting, results.values()), None)
            if stop:
                results |= _for_all(list(group), _as_not_attempted(stop))
            else:
                results |= self._post_year(list(group), year=year)
        return [results[item.job.id] for item in batch]

    def _post_year(self, batch: Sequence[PreparedInvoice], *, year: int) -> dict[int, Success | SyncError]:
        """Post the first voucher of each VAT code alone and read it back, then post the rest together."""
        results = self._find_and_link_batch(batch)
        rest = [item for item in batch if item.job.id not in results]
        while first := next((each for each in rest if self._first_vouchers.unverified_codes(each.voucher)), None):
            rest.remove(first)
            result = self._post_in_one_call([first], year=year)[first.job.id]
            results[first.job.id] = result
            if _ends_posting(result):
                return results | _for_all(rest, _as_not_attempted(result))
        return results | (self._post_in_one_call(rest, year=year) if rest else {})

    def _find_and_link_batch(self, batch: Sequence[PreparedInvoice]) -> dict[int, Success | SyncError]:
        """Link vouchers that were posted but have no link, as after a failover of our database.

        24SevenOffice refuses a number that it has, unless it assigns the numbers itself. :meth:`prepare` has
        already searched for the vouchers whose outcome is unknown.
        """
        new = [item for item in batch if not item.job.outcome_unknown]
        if not new or self._context.settings.voucher_number == "moment":
            return {}
        try:
            lines = self._ledger_lines(new)
        except SyncError as error:
            return _for_all(batch, error)
        found = {item.job.id: error_as_value(item.title, self._link_if_posted, item, lines) for item in new}
        return {job_id: result for job_id, result in found.items() if result}

    def _ledger_lines(self, batch: Sequence[PreparedInvoice]) -> Sequence[LedgerLine]:
        """Read the ledger's lines of these invoice numbers, with a call for each or, if fewer, for each month."""
        days = [item.voucher.day for item in batch]
        if len(batch) > len({(day.year, day.month) for day in days}):
            return self._context.erp.booked(min(days), max(days), costs=AccountRanges(())).numbered
        posted = (self._context.erp.posted(item.voucher.invoice_number, day=item.voucher.day) for item in batch)
        return [line for lines in posted for line in lines]

    def _post_in_one_call(self, batch: Sequence[PreparedInvoice], *, year: int) -> dict[int, Success | SyncError]:
        """Number the vouchers, post them in one call and link them; return a result for each job."""
        try:
            batch = self._with_numbers(batch)
        except SyncError as error:
            return _for_all(batch, error)
        try:
            self._context.renew_lease()
            for item in batch:
                self._first_vouchers.begin(item.job.record, item.voucher)
            self._context.save_sending([item.job for item in batch])
            self._context.erp.post([item.voucher for item in batch], year=year)
        except (OutcomeUnknownError, RejectedError) as error:
            refusal = error.otherwise if isinstance(error, OutcomeUnknownError) else error
            if refusal:
                return self._handle_refusal(batch, refusal, year=year)
            return _for_all(batch, error)
        except SyncError as error:
            return _for_all(batch, error)
        return {
            item.job.id: _with_unknown_outcome(error_as_value(item.title, self._save_link_and_read_back, item))
            for item in batch
        }

    def _with_numbers(self, batch: Sequence[PreparedInvoice]) -> Sequence[PreparedInvoice]:
        """Number the vouchers by the series, unless the connection keeps Moment's numbers (S1)."""
        if self._context.settings.voucher_number == "moment":
            return batch
        first = self._context.erp.next_voucher_number(batch[0].voucher.day)
        return [replace(item, voucher=replace(item.voucher, number=first + n)) for n, item in enumerate(batch)]

    def _save_link_and_read_back(self, item: PreparedInvoice) -> Success:
        """Link a voucher that was just posted, and read it back if it is the first of a VAT code."""
        saved = self._save_link(item, item.voucher.number)
        if self._first_vouchers.unverified_codes(item.voucher):
            self._first_vouchers.read_back(item.job.record, item.voucher)
        return saved

    def _handle_refusal(
        self, batch: Sequence[PreparedInvoice], refusal: SyncError, *, year: int
    ) -> dict[int, Success | SyncError]:
        """Link what was saved despite the refusal, and post the rest one by one to find the refused voucher."""
        results: dict[int, Success | SyncError] = {}
        for item in batch:
            found = _with_unknown_outcome(
                error_as_value(item.title, self._find_and_link, item, sent_as=self._context.settings.posting)
            )
            if found:
                results[item.job.id] = found
            elif len(batch) == 1:
                error = self._first_vouchers.classify_refusal(item.voucher, refusal)
                self._first_vouchers.withdraw(item.job.record)
                results[item.job.id] = self._explain_refusal(item, error).replace(title=item.title)
            else:
                results |= self._post_in_one_call([item], year=year)
        return results

    def _explain_refusal(self, item: PreparedInvoice, refusal: SyncError) -> SyncError:
        """Return why a voucher was refused: its customer or a project may no longer exist."""
        numbers = {(EntityType.CUSTOMER, each.customer_number) for each in item.voucher.entries}
        numbers |= {(EntityType.PROJECT, each.project_number or 0) for each in item.voucher.entries}
        try:
            lost = [error for each in sorted(numbers) if (error := self._context.lost_dependency(*each))]
        except SyncError as error:
            return _with_unknown_outcome(error)
        if not lost:
            self._drop_cached_setup(refusal)
        return lost[0] if lost else refusal

    def _find_and_link(self, item: PreparedInvoice, *, sent_as: str) -> Success | None:
        """Link the voucher if an earlier call saved it; return None if the ledger does not have it.

        Raises :class:`RejectedError` if the ledger has another voucher, or if it may be a draft in the journal.
        """
        posted = self._context.erp.posted(item.voucher.invoice_number, day=item.voucher.day)
        found = self._link_if_posted(item, posted)
        if found is None and sent_as == "draft":
            raise _unseen_draft_error(item)
        if found:
            voucher_vat = item.job.sent_vat if item.job.outcome_unknown else ""
            self._first_vouchers.read_back(item.job.record, item.voucher, voucher_vat=voucher_vat)
        return found

    def _link_if_posted(self, item: PreparedInvoice, lines: Sequence[LedgerLine]) -> Success | None:
        """Link the invoice's voucher if these lines have it. Raises RejectedError if they have another one."""
        posted = [line for line in lines if line.invoice_number == str(item.voucher.invoice_number)]
        number = find_posted(item.voucher, posted)
        if number is None and has_differing_voucher(item.voucher, posted):
            raise _voucher_differs_error(item)
        return None if number is None else self._save_link(item, number)

    def _save_link(self, item: PreparedInvoice, number: int) -> Success:
        self._context.save_link(item.job.record, remote_id=f"{item.year}/{number}")
        amount = format_kroner(item.voucher.receivable.amount)
        message = msg("Voucher {number}/{year}, {amount} kroner.", number=number, year=item.year, amount=amount)
        return Success(Outcome.SYNCED, item.title, message)

    def voucher(self, invoice: Invoice) -> Voucher:
        """Make the voucher of an invoice. Raises RejectedError, and the errors of its customer and projects."""
        context, settings = self._context, self._context.settings
        if invoice.currency != NOK:
            check_rate(invoice, listed=context.erp.currency_rates())
        url = context.moment.invoice_url(invoice.id)
        return voucher_of(
            invoice,
            customer_number=settings.factoring_id or context.customer_number(invoice.customer_id),
            project_number=context.project_number,
            chart=self._chart(invoice),
            settings=settings,
            comment=voucher_comment(invoice, title=title(invoice), url=url, settings=settings),
        )

    def _chart(self, invoice: Invoice) -> Chart:
        """Return the chart of accounts, after checking the accounts that the invoice needs."""
        try:
            return self._checked_chart(invoice)
        except RejectedError as error:
            if not self._drop_cached_setup(error):  # the account or its VAT code may just have been corrected
                raise
            return self._checked_chart(invoice)

    def _checked_chart(self, invoice: Invoice) -> Chart:
        chart = Chart(self._context.erp.tax_codes(), self._context.erp.vat_codes())
        check_bookings(invoice, chart=chart, settings=self._context.settings)
        return chart

    def fiscal_year(self, day: date) -> FiscalYear:
        """Return the open fiscal year of a day. Raises :class:`RejectedError` if there is none."""
        try:
            return self._open_year(day)
        except RejectedError as error:
            if not self._drop_cached_setup(error):  # the year may just have been opened
                raise
            return self._open_year(day)

    def _open_year(self, day: date) -> FiscalYear:
        for year in self._context.erp.fiscal_years():
            if year.starts <= day <= year.ends and not year.locked:
                return self._unambiguous(year)
        raise RejectedError(
            msg(
                "The invoice date is {day}, but 24SevenOffice has no open fiscal year for that date.",
                day=Day(day),
            ),
            error_code=FISCAL_YEAR,
        )

    def _unambiguous(self, year: FiscalYear) -> FiscalYear:
        """Refuse a fiscal year that shares its number with another, by which vouchers name their year."""
        if not is_ambiguous(year, self._context.erp.fiscal_years()):
            return year
        raise RejectedError(
            msg(
                "Two fiscal years begin in {number}, and a voucher names its fiscal year by that number alone.",
                number=year.number,
            ),
            error_code=FISCAL_YEAR,
            remedy=msg("Post the invoice manually, and mark it as resolved."),
        )

    def _drop_cached_setup(self, refusal: SyncError) -> bool:
        """Drop the cached setup that may be outdated, once in a batch; return False if it was dropped before."""
        outdated = OUTDATED.get(refusal.error_code, tuple(SetupPart))
        parts = [part for part in outdated if part not in self._dropped_parts]
        if parts:
            self._dropped_parts.update(parts)
            self._context.erp.forget(*parts)
        return bool(parts)


def title(invoice: Invoice) -> Message:
    number = str(invoice.number or invoice.id)
    return msg("Credit note {name}", name=number) if invoice.credit_note else titled(EntityType.INVOICE, number)


def skip_reason(invoice: Invoice, *, first_day: date | None) -> Success | None:
    if not invoice.finalized:
        return skipped(msg("The invoice isn't finalized yet."), error_code=NOT_FINALIZED)
    if invoice.export_status is ExportStatus.DO_NOT_TRANSFER:
        return skipped(msg("Set to “do not transfer” to accounting in Moment."), error_code=DO_NOT_TRANSFER)
    if invoice.export_status is ExportStatus.TRANSFERRED:
        return skipped(msg("Already marked as transferred in Moment."), error_code=TRANSFERRED)
    if first_day and invoice.day < first_day:
        day = Day(first_day)
        return skipped(msg("Dated before {day}", day=day), error_code=BEFORE_FIRST_DAY)
    return None


def _ends_posting(result: Success | SyncError) -> TypeGuard[SyncError]:
    """Return whether a result is an error of the whole connection, so that posting must stop."""
    return isinstance(result, SyncError) and not isinstance(result, RejectedError | DependencyPendingError)


def _as_not_attempted(error: SyncError) -> SyncError:
    """Return an error for invoices that were never sent; it must not mark their outcome as unknown."""
    if isinstance(error, MisconfiguredError | UnavailableError) and not error.outcome_unknown:
        return error
    if isinstance(error, MisconfiguredError):
        return MisconfiguredError(error.message, error_code=error.error_code, remedy=error.remedy)
    return UnavailableError(error.message, error_code=error.error_code, retry_after=error.retry_after)


def _for_all(batch: Sequence[PreparedInvoice], error: SyncError) -> dict[int, Success | SyncError]:
    return {item.job.id: error.replace(title=item.title) for item in batch}


def _with_unknown_outcome(result: T | SyncError) -> T | SyncError:
    """Mark an error that occurred after a call: the call may have saved the voucher."""
    return result.replace(outcome_unknown=True) if isinstance(result, SyncError) else result


def _unseen_draft_error(item: PreparedInvoice) -> RejectedError:
    return RejectedError(
        msg(
            "A call was interrupted, and we can't check whether voucher {number} is a draft in the journal of "
            "24SevenOffice.",
            number=item.voucher.number,
        ),
        error_code=UNSEEN_DRAFT,
    )


def _voucher_differs_error(item: PreparedInvoice) -> RejectedError:
    return RejectedError(
        msg(
            "The ledger has another voucher with invoice number {number}: its account, amount, date or customer "
            "isn't that of Moment's invoice ({amount} kroner, {day}).",
            number=item.voucher.invoice_number,
            amount=format_kroner(item.voucher.receivable.amount),
            day=Day(item.voucher.day),
        ),
        error_code=DIFFERS,
    )
