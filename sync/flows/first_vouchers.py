"""First vouchers: the first voucher of each VAT code is read back from the ledger before another is posted.

Until then, it is unknown how 24SevenOffice books the VAT (S24). So at most one voucher with a VAT code can be
wrong.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from i18n.messages import Message, joined, msg
from models.admin import job_details
from models.enums import EntityType, JobState, Record
from models.inbox import vat_checks
from models.inbox.vat_checks import VatCheck, VatStatus
from sync.engine.context import SyncContext
from sync.error_codes.names import (
    VAT_DIFFERS,
    VAT_NEVER_SEEN,
    VAT_NOT_BALANCED,
    VAT_NOT_SEEN,
    VAT_ROUNDING,
    VAT_WITHOUT_BASE,
)
from sync.errors import DependencyPendingError, MisconfiguredError, RejectedError, SyncError, UnavailableError
from sync.money import format_kroner
from sync.records import NO_VAT_CODE, Invoice, LedgerLine, OutputVat, Voucher
from sync.rules.output_vat import differences, other_codes, proven_codes, rounded_vat
from sync.rules.vouchers import find_posted, posted_vouchers

VAT_WARNINGS = frozenset({VAT_NOT_BALANCED, VAT_WITHOUT_BASE})
"""Error codes of refusals that show how 24SevenOffice expects the VAT of a voucher (S24)."""

MAX_WAIT = timedelta(hours=6)
"""How long the ledger may take to show a voucher: longer than maintenance, shorter than a working day."""


@dataclass(frozen=True, slots=True)
class FirstVouchers:
    """The VAT codes whose first voucher is unverified. Verified codes are cached for the batch."""

    context: SyncContext
    voucher_of: Callable[[Invoice], Voucher]
    _verified: set[tuple[str, str]] = field(default_factory=set, init=False)

    @property
    def is_needed(self) -> bool:
        """Whether vouchers are read back. Drafts are not in the ledger, and a person checks them."""
        return self.context.settings.posting == "ledger"

    def unverified_codes(self, voucher: Voucher) -> Collection[str]:
        """Return the VAT codes of a voucher that no voucher with the same ``voucher_vat`` has verified yet."""
        if not self.is_needed:
            return ()
        codes = {each.tax_code or NO_VAT_CODE for each in voucher.revenue if each.gross}
        if any((voucher.voucher_vat, code) not in self._verified for code in codes):
            self._verified.update(
                (voucher.voucher_vat, each.vat_code)
                for each in self._checks(voucher.voucher_vat)
                if each.status is VatStatus.RIGHT
            )
        return {code for code in codes if (voucher.voucher_vat, code) not in self._verified}

    def begin(self, record: Record, voucher: Voucher) -> None:
        """Save that a voucher is about to be the first of its codes, after checking earlier ones.

        Raises MisconfiguredError if an earlier one is wrong or not in the ledger, UnavailableError if it is not
        there yet.
        """
        codes = self.unverified_codes(voucher)
        if not codes:
            return
        others = {
            each.record_id: each
            for each in self._checks(voucher.voucher_vat)
            if each.vat_code in codes and each.record_id != record.id
        }
        for record_id, check in sorted(others.items()):
            self._check_earlier(Record(EntityType.INVOICE, record_id), voucher.voucher_vat, check)
        database, connection = self.context.database, self.context.connection.id
        vat_checks.begin(
            database, connection, voucher.voucher_vat, codes, record_id=record.id, now=self.context.clock()
        )

    def withdraw(self, record: Record) -> None:
        """Save that 24SevenOffice refused a voucher, so that the next one is the first of its VAT codes."""
        self._remove_check(record, self.context.settings.voucher_vat)

    def classify_refusal(self, voucher: Voucher, refusal: SyncError) -> SyncError:
        """Return the error that a refusal means. If a first voucher is refused over its VAT, the setting is wrong.

        If rounding puts the VAT off its rate (S58), rounding alone may be the cause.
        """
        if refusal.error_code == VAT_NOT_BALANCED and (vat := rounded_vat(voucher)):
            return _rounding_error(voucher, vat)
        if refusal.error_code in VAT_WARNINGS and self.unverified_codes(voucher):
            return MisconfiguredError(refusal.message, error_code=refusal.error_code, remedy=refusal.remedy)
        return refusal

    def read_back(self, record: Record, voucher: Voucher, *, voucher_vat: str = "") -> None:
        """Compare a voucher with the ledger if it is the first of a VAT code.

        ``voucher_vat`` is how its VAT was sent, if the setting may have changed since.
        Raises MisconfiguredError if the ledger differs or does not show the voucher for hours, RejectedError if
        the difference was known, and UnavailableError if the ledger does not have the voucher yet.
        """
        voucher = replace(voucher, voucher_vat=voucher_vat) if voucher_vat else voucher
        check = self._open_check(record, voucher.voucher_vat) if self.is_needed else None
        if check is None:
            return
        wrong = self._compare_with_ledger(record, voucher, check)
        if wrong and check.status is VatStatus.WRONG:
            raise _vat_still_differs_error(voucher, wrong)
        if wrong:
            raise _vat_differs_error(voucher, wrong)

    def is_first(self, record: Record, voucher_vat: str) -> bool:
        """Return whether an invoice's voucher is the first of a VAT code and not known to be right."""
        return self._open_check(record, voucher_vat) is not None

    def _check_earlier(self, record: Record, voucher_vat: str, check: VatCheck) -> None:
        """Check the first voucher of a VAT code; as long as it is wrong, no other may follow."""
        invoice = self.context.moment.invoice(record.id)
        job = job_details.find_by_record(self.context.database, self.context.connection.id, record)
        if invoice is None or (job and job.state is JobState.DISMISSED):
            self._remove_check(record, voucher_vat)
            return
        try:
            voucher = replace(self.voucher_of(invoice), voucher_vat=voucher_vat)
        except (RejectedError, DependencyPendingError):  # its intended content can no longer be determined
            self._remove_check(record, voucher_vat)
            return
        if wrong := self._compare_with_ledger(record, voucher, check):
            raise _vat_differs_error(voucher, wrong)

    def _compare_with_ledger(self, record: Record, voucher: Voucher, check: VatCheck) -> list[Message]:
        """Return how the ledger differs from a voucher, and save whether it is right.

        A voucher that a person corrected or removed verifies nothing, and neither does a code without VAT. The
        next voucher is then the first.
        """
        posted = self.context.erp.posted(voucher.invoice_number, day=voucher.day)
        vouchers = posted_vouchers(voucher, posted)
        if not vouchers and check.status is VatStatus.PENDING and self.context.link(record):
            raise _not_seen_error(voucher, is_late=self.context.clock() - check.checked_at >= MAX_WAIT)
        own_lines = next((lines for lines in vouchers if find_posted(voucher, lines) is not None), None)
        in_ledger = self._whole_voucher(own_lines) if own_lines else []
        wrong = self._differences(voucher, in_ledger)
        is_proof = bool(in_ledger) and not wrong and check.status is VatStatus.PENDING
        if wrong:  # it may have been reversed or moved, or be right together with its correction
            others = [line for lines in vouchers if lines is not own_lines for line in self._whole_voucher(lines)]
            in_ledger = [*in_ledger, *others]
            wrong = self._differences(voucher, in_ledger) if any(_sums(in_ledger).values()) else []
        if wrong:
            self._save_status(record, voucher.voucher_vat, VatStatus.WRONG)
            return wrong
        self._remove_check(record, voucher.voucher_vat, keeping=proven_codes(voucher) if is_proof else ())
        self._save_status(record, voucher.voucher_vat, VatStatus.RIGHT)
        return []

    def _whole_voucher(self, lines: Sequence[LedgerLine]) -> Sequence[LedgerLine]:
        """Read a whole voucher, including lines without an invoice number: VAT that was split off may lack it."""
        first = lines[0]
        name = self.context.erp.voucher_name(first.day, type_=first.type, number=first.voucher_number)
        return [line for line in self.context.erp.supplier_voucher(name) if not line.hidden]

    def _differences(self, voucher: Voucher, lines: Sequence[LedgerLine]) -> list[Message]:
        messages = [
            msg(
                "account {account} has {found} for {wanted}",
                account=account or "27xx",
                found=format_kroner(actual),
                wanted=format_kroner(expected),
            )
            for account, expected, actual in differences(voucher, lines)
        ]
        if self.context.settings.check_vat:
            messages += [
                msg("account {account} has VAT code {held} for {sent}", account=account, held=actual, sent=sent)
                for account, sent, actual in other_codes(voucher, lines)
            ]
        return messages

    def _checks(self, voucher_vat: str) -> Sequence[vat_checks.VatCheck]:
        return vat_checks.find(self.context.database, self.context.connection.id, voucher_vat)

    def _open_check(self, record: Record, voucher_vat: str) -> VatCheck | None:
        """Return the check of the VAT codes for which an invoice's voucher is the first; None if there is none."""
        checks = [each for each in self._checks(voucher_vat) if each.record_id == record.id]
        open_ = [each for each in checks if each.status is not VatStatus.RIGHT]
        return next((each for each in open_ if each.status is VatStatus.WRONG), open_[0] if open_ else None)

    def _save_status(self, record: Record, voucher_vat: str, status: VatStatus) -> None:
        database, connection = self.context.database, self.context.connection.id
        vat_checks.decide(database, connection, voucher_vat, record.id, status, now=self.context.clock())

    def _remove_check(self, record: Record, voucher_vat: str, *, keeping: Collection[str] = ()) -> None:
        vat_checks.delete_unconfirmed(
            self.context.database, self.context.connection.id, voucher_vat, record.id, keeping=keeping
        )


def _sums(lines: Sequence[LedgerLine]) -> Mapping[int, int]:
    sums: dict[int, int] = defaultdict(int)
    for line in lines:
        sums[line.account] += line.amount
    return sums


def _not_seen_error(voucher: Voucher, *, is_late: bool) -> SyncError:
    if not is_late:
        return UnavailableError(
            msg(
                "The voucher of invoice {number} is the first with its VAT code, and the ledger doesn't show it "
                "yet.",
                number=voucher.invoice_number,
            ),
            error_code=VAT_NOT_SEEN,
        )
    return MisconfiguredError(
        msg(
            "The voucher of invoice {number} is the first with its VAT code. 24SevenOffice accepted it more "
            "than {hours} hours ago, and the ledger doesn't show it. Posting has stopped.",
            number=voucher.invoice_number,
            hours=MAX_WAIT // timedelta(hours=1),
        ),
        error_code=VAT_NEVER_SEEN,
        remedy=msg(
            "Look for the voucher in 24SevenOffice. If it waits in a journal, post it there. If it is in the "
            "ledger, make sure the user of the connection may read the ledger. If it was deleted, or is right "
            "as it stands, mark invoice {number} as resolved: it isn't checked again, and the next voucher is "
            "the first to be read back. Then resume the connection.",
            number=voucher.invoice_number,
        ),
    )


def _rounding_error(voucher: Voucher, vat: OutputVat) -> SyncError:
    return RejectedError(
        msg(
            "24SevenOffice doesn't accept the VAT of invoice {number}. With VAT code {code} it is {amount} "
            "kroner, which is {off} øre off the rate through rounding.",
            number=voucher.invoice_number,
            code=vat.tax_code,
            amount=format_kroner(-vat.amount),
            off=abs(vat.off_rate or 0),
        ),
        error_code=VAT_ROUNDING,
    )


def _vat_differs_error(voucher: Voucher, wrong: Sequence[Message]) -> SyncError:
    return MisconfiguredError(
        msg(
            "The voucher of invoice {number} is the first with its VAT code, but the voucher in the ledger is "
            "different: {differences}. Posting has stopped.",
            number=voucher.invoice_number,
            differences=joined(*wrong),
        ),
        error_code=VAT_DIFFERS,
        remedy=msg(
            "Correct this voucher in 24SevenOffice. Then choose the other option for Voucher VAT in the "
            "connection's settings, and resume the connection. If the voucher is to stay as it is, mark invoice "
            "{number} as resolved before you resume: it isn't checked again, and the next voucher is the first "
            "to be read back.",
            number=voucher.invoice_number,
        ),
    )


def _vat_still_differs_error(voucher: Voucher, wrong: Sequence[Message]) -> SyncError:
    return RejectedError(
        msg(
            "The voucher of invoice {number} is in the ledger, but its VAT is different: {differences}.",
            number=voucher.invoice_number,
            differences=joined(*wrong),
        ),
        error_code=VAT_DIFFERS,
        remedy=msg("Correct the voucher in 24SevenOffice, then retry. Or mark the invoice as resolved."),
    )
