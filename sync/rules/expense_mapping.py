"""The mapping of a supplier's voucher to the costs of projects in Moment, and why other lines are skipped."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from i18n.catalog import Language
from i18n.messages import Day, Message, msg, translate
from models.connections.account_ranges import AccountRanges
from models.connections.settings import ConnectionSettings
from sync.money import NOK
from sync.records import ExpenseDraft, LedgerLine
from sync.rules.normalization import clean
from sync.rules.vat_allocation import SUPPLIER_ACCOUNTS, gross_amounts

MAX_DESCRIPTION_LENGTH = 250

MISSING = "gone"
"""Fingerprint of a link whose expense was deleted in Moment."""

REMOVING = "removing"
"""Fingerprint of a link whose expense the integration is removing, as the ledger no longer has its cost."""

VAT_UNCLEAR = "vat_unclear"
"""Error code of a cost whose VAT does not match its rate."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a voucher for a project on an account: ``amount`` in øre including VAT."""

    account: int
    project_number: int
    project_id: str
    amount: int
    text: str


@dataclass(frozen=True, slots=True)
class SkippedLine:
    """Why a line of a voucher does not become an expense: ``error_code`` for programs, ``why`` for people."""

    error_code: str
    why: Message


@dataclass(frozen=True, slots=True)
class SupplierInvoice:
    """The invoice of a voucher: its supplier, number, day and ``currency``."""

    supplier: str
    invoice_number: str
    day: date
    currency: str

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.supplier, self.invoice_number)))


@dataclass(frozen=True, slots=True)
class VoucherCosts:
    """The result for a voucher's lines.

    ``costs`` become expenses, and ``left_alone`` says why other lines do not. ``excluded`` are costs in the
    ledger, by project number and account, that become no expense; an expense made of one before stays.
    """

    costs: Sequence[Cost]
    left_alone: Sequence[SkippedLine]
    excluded: Mapping[tuple[int, int], SkippedLine]

    @property
    def unclear(self) -> SkippedLine | None:
        """Why the VAT of a cost that would become an expense cannot be determined."""
        return next((each for each in self.left_alone if each.error_code == VAT_UNCLEAR), None)


def costs_of(
    lines: Sequence[LedgerLine],
    *,
    settings: ConnectionSettings,
    project_id: Callable[[int], str | None],
    rates: Mapping[str, Decimal],
) -> VoucherCosts:
    """Return the costs that become expenses, and the reasons why other lines do not.

    ``lines`` are all of the voucher, and ``project_id`` returns the Moment project of a project number. ``rates``
    are those of the VAT codes in percent, if the lines need them (``needs_rates``).
    """
    amounts: dict[tuple[int, int, str], int] = defaultdict(int)
    texts: dict[tuple[int, int, str], dict[str, None]] = defaultdict(dict)
    left_alone: dict[SkippedLine, None] = {}
    excluded: dict[tuple[int, int], SkippedLine] = {}
    in_ledger: dict[tuple[int, int], int] = defaultdict(int)
    listed = AccountRanges.parse(settings.expense_accounts)
    for line, amount in gross_amounts([line for line in lines if not line.hidden], rates=rates):
        place = (line.project_number or 0, line.account)
        in_ledger[place] += line.amount
        found = _skip_reason(line, listed, settings.expense_from) or _project(line, project_id)
        if isinstance(found, SkippedLine):
            pass
        elif isinstance(amount, Message):
            found = SkippedLine(error_code=VAT_UNCLEAR, why=amount)
        else:
            key = (line.account, *found)
            amounts[key] += amount
            texts[key][clean(line.text, max_length=MAX_DESCRIPTION_LENGTH)] = None
            continue
        left_alone[found] = None
        excluded[place] = found
    costs = [Cost(*key, amount, ", ".join(filter(None, texts[key]))) for key, amount in amounts.items() if amount]
    stay = {place: why for place, why in excluded.items() if place[0] and in_ledger[place]}
    return VoucherCosts(costs, list(left_alone), stay)


def in_force(lines: Sequence[LedgerLine]) -> Sequence[LedgerLine]:
    """Leave out lines that were corrected: 24SevenOffice hides them and books new ones under the same number.

    If a voucher is hidden altogether, all lines are kept to show what it was.
    """
    return [line for line in lines if not line.hidden] or lines


def supplier_invoice_of(
    lines: Sequence[LedgerLine], *, supplier: str = "", invoice_number: str = ""
) -> SupplierInvoice:
    """Return the invoice of a voucher: from its supplier line (S7), otherwise from other sources."""
    lines = in_force(lines)
    owed = next((line for line in lines if line.account in SUPPLIER_ACCOUNTS), lines[0])
    numbers = (line.invoice_number for line in (owed, *lines) if line.invoice_number)
    return SupplierInvoice(
        supplier=clean(owed.customer_name or supplier, max_length=100),
        invoice_number=clean(next(numbers, invoice_number), max_length=50),
        day=owed.day,
        currency=owed.currency,
    )


def drafts_of(
    voucher: str, costs: Sequence[Cost], supplier_invoice: SupplierInvoice, *, settings: ConnectionSettings
) -> Mapping[str, ExpenseDraft]:
    """Return costs as Moment takes them, by our key of each; the activity is added when they are sent."""
    return {
        key_of(voucher, cost.project_number, cost.account): ExpenseDraft(
            external_id=external_id(key_of(voucher, cost.project_number, cost.account)),
            project_id=cost.project_id,
            activity_id="",
            description=_description(cost, supplier_invoice, settings.language),
            amount=cost.amount,
            supplier=supplier_invoice.supplier,
            invoice_number=supplier_invoice.invoice_number,
            day=supplier_invoice.day,
            billable=settings.expense_billable_projects.get(cost.project_number, settings.expense_billable),
        )
        for cost in costs
    }


def key_of(voucher: str, project_number: int, account: int) -> str:
    """Return the key of an expense, the place of its cost in 24SevenOffice; its link has this name."""
    return f"{voucher}/{project_number}/{account}"


def external_id(key: str) -> str:
    """Return the external id under which Moment stores an expense."""
    return f"24so:{key}"


def title_of(voucher: str, lines: Sequence[LedgerLine]) -> Message:
    year, _, number = voucher.split("-")
    name = supplier_invoice_of(lines).name if lines else ""
    if not name:
        return msg("Voucher {number}/{year}", number=number, year=year)
    return msg("Voucher {number}/{year} ({name})", number=number, year=year, name=name)


def _skip_reason(line: LedgerLine, listed: AccountRanges, first_day: date | None) -> SkippedLine | None:
    if line.account not in listed:
        return SkippedLine(
            error_code="not_listed", why=msg("Account {account} isn't listed for expenses", account=line.account)
        )
    if first_day and line.day < first_day:
        day = Day(first_day)
        return SkippedLine(error_code="before_first_day", why=msg("Dated before {day}", day=day))
    if not line.project_number:
        return SkippedLine(
            error_code="no_project",
            why=msg("The cost on account {account} has no project", account=line.account),
        )
    return None


def _project(line: LedgerLine, project_id: Callable[[int], str | None]) -> tuple[int, str] | SkippedLine:
    number = line.project_number or 0
    found = project_id(number)
    if found:
        return number, found
    return SkippedLine(error_code="unknown_project", why=msg("Moment has no project {number}", number=number))


def _description(cost: Cost, supplier_invoice: SupplierInvoice, language: Language) -> str:
    """Describe the cost; an amount in another currency stays in kroner, and the currency is named."""
    text = (
        cost.text or supplier_invoice.name or translate(msg("Account {account}", account=cost.account), language)
    )
    suffix = "" if supplier_invoice.currency == NOK else f" ({supplier_invoice.currency})"
    return text[: MAX_DESCRIPTION_LENGTH - len(suffix)] + suffix
