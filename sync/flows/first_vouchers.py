"""First vouchers: the first voucher of each VAT code is read back from the ledger before another is posted.

What 24SevenOffice makes of a voucher's VAT is unknown before (S24). So at most one voucher with a VAT code can be
wrong: none follows until it was read back as right to the øre, or a person has corrected it.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from i18n.messages import Message, joined, msg
from models.admin import job_actions
from models.enums import EntityType, JobState, Record
from models.inbox import vat_checks
from models.inbox.vat_checks import VatCheck, VatStatus
from sync.engine.context import SyncContext
from sync.errors import DependencyPendingError, MisconfiguredError, RejectedError, SyncError, UnavailableError
from sync.money import format_kroner
from sync.records import Invoice, LedgerLine, OutputVat, Voucher
from sync.rules.output_vat import differences, other_codes, proven_codes, rounded_vat
from sync.rules.vouchers import find_posted, posted_vouchers

VAT_NOT_BALANCED = "vat_not_balanced"
VAT_WARNINGS = frozenset({VAT_NOT_BALANCED, "vat_without_base"})
"""Refusals that say how 24SevenOffice wants the VAT of a voucher (S24)."""

VAT_ROUNDING = "vat_rounding"
VAT_DIFFERS = "vat_differs"
NOT_SEEN = "vat_not_seen"
NEVER_SEEN = "vat_never_seen"

MAX_WAIT = timedelta(hours=6)
"""How long the ledger may take to show a voucher that it has accepted, before a person has to look.

Usually it shows one at once. Maintenance in the evening or at night is over by then, and the mail still comes
before invoices have waited for a working day.
"""


@dataclass(frozen=True, slots=True)
class FirstVouchers:
    """The VAT codes of a connection whose first voucher has not been read back.

    ``voucher_of`` makes the voucher of an invoice. A code that is right stays so, and is read once for a batch.
    """

    context: SyncContext
    voucher_of: Callable[[Invoice], Voucher]
    _right: set[tuple[str, str]] = field(default_factory=set, init=False)

    @property
    def is_needed(self) -> bool:
        """Whether vouchers are read back. Drafts are not: they are not in the ledger, and a person checks them."""
        return self.context.settings.posting == "ledger"

    def unproven(self, voucher: Voucher) -> Collection[str]:
        """Return the VAT codes of a voucher that are not proven for its way of sending VAT."""
        if not self.is_needed:
            return ()
        way, codes = _way(voucher), _codes(voucher)
        if any((way, code) not in self._right for code in codes):
            self._right.update((way, each.vat_code) for each in self._known(way) if each.status is VatStatus.RIGHT)
        return {code for code in codes if (way, code) not in self._right}

    def begin(self, record: Record, voucher: Voucher) -> None:
        """Save that a voucher is about to be posted as the first of its VAT codes, after checking earlier ones.

        Raises :class:`MisconfiguredError` if an earlier one is wrong or does not appear in the ledger, and
        :class:`UnavailableError` if it is not there yet.
        """
        codes = self.unproven(voucher)
        if not codes:
            return
        others = {
            each.record_id: each
            for each in self._known(_way(voucher))
            if each.vat_code in codes and each.record_id != record.id
        }
        for record_id, check in sorted(others.items()):
            self._clear(Record(EntityType.INVOICE, record_id), _way(voucher), was=check)
        database, connection = self.context.database, self.context.connection.id
        vat_checks.begin(database, connection, _way(voucher), codes, record_id=record.id, now=self.context.clock())

    def withdraw(self, record: Record) -> None:
        """Save that 24SevenOffice refused a voucher, so that the next one is the first of its VAT codes."""
        self._drop(record, self.context.settings.voucher_vat)

    def refusal(self, voucher: Voucher, refusal: SyncError) -> SyncError:
        """Return what a refusal means: at a first voucher, that the VAT of all of them is sent the wrong way.

        If rounding puts the voucher's VAT off its rate, that alone may be why it is refused (S58): this says
        nothing about the next voucher or about the way of sending VAT.
        """
        if refusal.error_code == VAT_NOT_BALANCED and (vat := rounded_vat(voucher)):
            return _rounded(voucher, vat)
        if refusal.error_code in VAT_WARNINGS and self.unproven(voucher):
            return MisconfiguredError(refusal.message, error_code=refusal.error_code, remedy=refusal.remedy)
        return refusal

    def read_back(self, record: Record, voucher: Voucher, *, way: str = "") -> None:
        """Compare a voucher with the ledger if it is the first of a VAT code; ``way`` is how its VAT was sent.

        Raises :class:`MisconfiguredError` if its VAT in the ledger differs or it does not appear for hours,
        :class:`RejectedError` if it was known to be wrong, and :class:`UnavailableError` if the ledger does not
        have it yet.
        """
        voucher = replace(voucher, splits_vat=way == "gross") if way else voucher
        check = self._check(record, _way(voucher)) if self.is_needed else None
        if check is None:
            return
        wrong = self._judge(record, voucher, was=check)
        if wrong and check.status is VatStatus.WRONG:
            raise _still_differs(voucher, wrong)
        if wrong:
            raise _stopped(voucher, wrong)

    def is_first(self, record: Record, way: str) -> bool:
        """Return whether an invoice's voucher is the first of a VAT code and not known to be right."""
        return self._check(record, way) is not None

    def _clear(self, record: Record, way: str, *, was: VatCheck) -> None:
        """Check the first voucher of a VAT code; while it is wrong, no other may follow."""
        invoice = self.context.moment.invoice(record.id)
        job = job_actions.find(self.context.database, self.context.connection.id, record)
        if invoice is None or (job and job.state is JobState.DISMISSED):
            self._drop(record, way)
            return
        try:
            voucher = replace(self.voucher_of(invoice), splits_vat=way == "gross")
        except (RejectedError, DependencyPendingError):  # its intended content can no longer be determined
            self._drop(record, way)
            return
        if wrong := self._judge(record, voucher, was=was):
            raise _stopped(voucher, wrong)

    def _judge(self, record: Record, voucher: Voucher, *, was: VatCheck) -> list[Message]:
        """Return how the ledger differs from a voucher, and save whether it is right.

        A voucher that a person corrected, or that is not there, proves nothing, and neither does a VAT code whose
        VAT comes to zero: the next voucher is the first then.
        """
        posted = self.context.erp.posted(voucher.invoice_number, day=voucher.day)
        vouchers = posted_vouchers(voucher, posted)
        if not vouchers and was.status is VatStatus.PENDING and self.context.link(record):
            raise _not_seen(voucher, is_late=self.context.clock() - was.checked_at >= MAX_WAIT)
        sent = next((lines for lines in vouchers if find_posted(voucher, lines) is not None), None)
        held = self._whole(sent) if sent else []
        wrong = self._differences(voucher, held)
        is_proof = bool(held) and not wrong and was.status is VatStatus.PENDING
        if wrong:  # it may have been reversed or moved, or be right together with its correction
            held = [*held, *(line for lines in vouchers if lines is not sent for line in self._whole(lines))]
            wrong = self._differences(voucher, held) if any(_sums(held).values()) else []
        if wrong:
            self._decide(record, _way(voucher), VatStatus.WRONG)
            return wrong
        self._drop(record, _way(voucher), keeping=proven_codes(voucher) if is_proof else ())
        self._decide(record, _way(voucher), VatStatus.RIGHT)
        return []

    def _whole(self, lines: Sequence[LedgerLine]) -> Sequence[LedgerLine]:
        """Read a whole voucher, including lines without its invoice number: VAT that was split off may lack it."""
        first = lines[0]
        name = self.context.erp.voucher_name(first.day, type_=first.type, number=first.voucher_number)
        return [line for line in self.context.erp.supplier_voucher(name) if not line.hidden]

    def _differences(self, voucher: Voucher, lines: Sequence[LedgerLine]) -> list[Message]:
        told = [
            msg(
                "account {account} has {found} for {wanted}",
                account=account or "27xx",
                found=format_kroner(found),
                wanted=format_kroner(wanted),
            )
            for account, wanted, found in differences(voucher, lines)
        ]
        if self.context.settings.check_vat:
            told += [
                msg("account {account} has VAT code {held} for {sent}", account=account, held=held, sent=sent)
                for account, sent, held in other_codes(voucher, lines)
            ]
        return told

    def _known(self, way: str) -> Sequence[vat_checks.VatCheck]:
        return vat_checks.find(self.context.database, self.context.connection.id, way)

    def _check(self, record: Record, way: str) -> VatCheck | None:
        """Return the status of the VAT codes that an invoice's voucher is the first of; None if there are none."""
        found = [each for each in self._known(way) if each.record_id == record.id]
        open_ = [each for each in found if each.status is not VatStatus.RIGHT]
        return next((each for each in open_ if each.status is VatStatus.WRONG), open_[0] if open_ else None)

    def _decide(self, record: Record, way: str, status: VatStatus) -> None:
        database, connection = self.context.database, self.context.connection.id
        vat_checks.decide(database, connection, way, record.id, status, now=self.context.clock())

    def _drop(self, record: Record, way: str, *, keeping: Collection[str] = ()) -> None:
        vat_checks.drop(self.context.database, self.context.connection.id, way, record.id, keeping=keeping)


def _way(voucher: Voucher) -> str:
    return "gross" if voucher.splits_vat else "net"


def _codes(voucher: Voucher) -> set[str]:
    return {each.tax_code or "0" for each in voucher.revenue if each.gross}


def _sums(lines: Sequence[LedgerLine]) -> Mapping[int, int]:
    sums: dict[int, int] = defaultdict(int)
    for line in lines:
        sums[line.account] += line.amount
    return sums


def _not_seen(voucher: Voucher, *, is_late: bool) -> SyncError:
    if not is_late:
        return UnavailableError(
            msg(
                "The voucher of invoice {number} is the first with its VAT code, and the ledger doesn't show it "
                "yet.",
                number=voucher.invoice_number,
            ),
            error_code=NOT_SEEN,
        )
    return MisconfiguredError(
        msg(
            "The voucher of invoice {number} is the first with its VAT code. 24SevenOffice accepted it more "
            "than {hours} hours ago, and the ledger doesn't show it. Nothing more is posted.",
            number=voucher.invoice_number,
            hours=MAX_WAIT // timedelta(hours=1),
        ),
        error_code=NEVER_SEEN,
        remedy=msg(
            "Look for the voucher in 24SevenOffice. If it waits in a journal, post it there. If it is in the "
            "ledger, make sure the user of the connection may read the ledger. If it was deleted, or is right "
            "as it stands, mark invoice {number} as resolved: it isn't checked again, and the next voucher is "
            "the first to be read back. Then resume the connection.",
            number=voucher.invoice_number,
        ),
    )


def _rounded(voucher: Voucher, vat: OutputVat) -> SyncError:
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
        remedy=msg(
            "Post the invoice manually with the VAT shown on it, and mark it as resolved. Tell your system "
            "administrator: more invoices may be rejected for it."
        ),
    )


def _stopped(voucher: Voucher, wrong: Sequence[Message]) -> SyncError:
    return MisconfiguredError(
        msg(
            "The voucher of invoice {number} is the first with its VAT code, and the ledger has it otherwise: "
            "{differences}. Nothing more is posted.",
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


def _still_differs(voucher: Voucher, wrong: Sequence[Message]) -> SyncError:
    return RejectedError(
        msg(
            "The voucher of invoice {number} is in the ledger, and its VAT is another: {differences}.",
            number=voucher.invoice_number,
            differences=joined(*wrong),
        ),
        error_code=VAT_DIFFERS,
        remedy=msg("Correct the voucher in 24SevenOffice, then retry. Or mark the invoice as resolved."),
    )
