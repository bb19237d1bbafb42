"""The mapping of a supplier's voucher to costs of projects in Moment, and the reasons why lines are skipped."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from i18n.catalog import Language
from i18n.messages import Day, Message, msg, translate
from models.connections.account_ranges import AccountRanges
from models.connections.settings import ConnectionSettings
from sync.error_codes.names import BEFORE_FIRST_DAY, NO_PROJECT, NOT_LISTED, UNKNOWN_PROJECT, VAT_UNCLEAR
from sync.money import NOK
from sync.records import ExpenseDraft, LedgerLine
from sync.rules.normalization import clean
from sync.rules.vat_allocation import SUPPLIER_ACCOUNTS, gross_amounts

MAX_DESCRIPTION_LENGTH = 250


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
    """A line that does not become an expense, with the reason: ``error_code`` for programs, ``why`` for people."""

    error_code: str
    why: Message


@dataclass(frozen=True, slots=True)
class SupplierInvoice:
    """The supplier's invoice of a voucher."""

    supplier: str
    invoice_number: str
    day: date
    currency: str

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.supplier, self.invoice_number)))


@dataclass(frozen=True, slots=True)
class VoucherCosts:
    """The costs of a voucher, which become expenses, and its ``skipped`` lines.

    ``excluded`` are costs in the ledger, by project number and account, that do not become expenses; an expense
    that was made from one before stays.
    """

    costs: Sequence[Cost]
    skipped: Sequence[SkippedLine]
    excluded: Mapping[tuple[int, int], SkippedLine]

    @property
    def unclear(self) -> SkippedLine | None:
        """The first line whose VAT cannot be determined; it would otherwise become an expense."""
        return next((line for line in self.skipped if line.error_code == VAT_UNCLEAR), None)


def costs_of(
    lines: Sequence[LedgerLine],
    *,
    settings: ConnectionSettings,
    project_id: Callable[[int], str | None],
    rates: Mapping[str, Decimal],
) -> VoucherCosts:
    """Return the costs that become expenses, and the reasons why other lines do not.

    ``lines`` are all lines of the voucher, and ``project_id`` returns the Moment project of a project number.
    ``rates`` are the rates of the VAT codes in percent, if the lines need them (``needs_rates``).
    """
    amounts: dict[tuple[int, int, str], int] = defaultdict(int)
    texts: dict[tuple[int, int, str], dict[str, None]] = defaultdict(dict)
    skipped: dict[SkippedLine, None] = {}
    excluded: dict[tuple[int, int], SkippedLine] = {}
    in_ledger: dict[tuple[int, int], int] = defaultdict(int)
    listed = AccountRanges.parse(settings.expense_accounts)
    for line, amount in gross_amounts([line for line in lines if not line.hidden], rates=rates):
        project_and_account = (line.project_number or 0, line.account)
        in_ledger[project_and_account] += line.amount
        target = _skip_reason(line, listed, settings.expense_from) or _project(line, project_id)
        if isinstance(target, SkippedLine):
            pass
        elif isinstance(amount, Message):
            target = SkippedLine(error_code=VAT_UNCLEAR, why=amount)
        else:
            key = (line.account, *target)
            amounts[key] += amount
            texts[key][clean(line.text, max_length=MAX_DESCRIPTION_LENGTH)] = None
            continue
        skipped[target] = None
        excluded[project_and_account] = target
    costs = [Cost(*key, amount, ", ".join(filter(None, texts[key]))) for key, amount in amounts.items() if amount]
    excluded = {key: line for key, line in excluded.items() if key[0] and in_ledger[key]}
    return VoucherCosts(costs, list(skipped), excluded)


def visible_lines(lines: Sequence[LedgerLine]) -> Sequence[LedgerLine]:
    """Leave out corrected lines: 24SevenOffice hides them and books new ones under the same number.

    If all lines are hidden, all are kept, to show what the voucher was.
    """
    return [line for line in lines if not line.hidden] or lines


def supplier_invoice_of(
    lines: Sequence[LedgerLine], *, supplier: str = "", invoice_number: str = ""
) -> SupplierInvoice:
    """Return the supplier's invoice of a voucher: from its supplier line (S7), otherwise from the arguments."""
    lines = visible_lines(lines)
    supplier_line = next((line for line in lines if line.account in SUPPLIER_ACCOUNTS), lines[0])
    numbers = (line.invoice_number for line in (supplier_line, *lines) if line.invoice_number)
    return SupplierInvoice(
        supplier=clean(supplier_line.customer_name or supplier, max_length=100),
        invoice_number=clean(next(numbers, invoice_number), max_length=50),
        day=supplier_line.day,
        currency=supplier_line.currency,
    )


def drafts_of(
    voucher: str, costs: Sequence[Cost], supplier_invoice: SupplierInvoice, *, settings: ConnectionSettings
) -> Mapping[str, ExpenseDraft]:
    """Return the expenses for costs, by our key; the activity is added when they are sent."""
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
    """Return the key of an expense: voucher, project and account of its cost. Its link has this remote id."""
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
            error_code=NOT_LISTED, why=msg("Account {account} isn't listed for expenses", account=line.account)
        )
    if first_day and line.day < first_day:
        day = Day(first_day)
        return SkippedLine(error_code=BEFORE_FIRST_DAY, why=msg("Dated before {day}", day=day))
    if not line.project_number:
        return SkippedLine(
            error_code=NO_PROJECT,
            why=msg("The cost on account {account} has no project", account=line.account),
        )
    return None


def _project(line: LedgerLine, project_id: Callable[[int], str | None]) -> tuple[int, str] | SkippedLine:
    number = line.project_number or 0
    moment_id = project_id(number)
    if moment_id:
        return number, moment_id
    return SkippedLine(error_code=UNKNOWN_PROJECT, why=msg("Moment has no project {number}", number=number))


def _description(cost: Cost, supplier_invoice: SupplierInvoice, language: Language) -> str:
    """Describe the cost; an amount in another currency stays in kroner, and the currency is named."""
    text = (
        cost.text or supplier_invoice.name or translate(msg("Account {account}", account=cost.account), language)
    )
    suffix = "" if supplier_invoice.currency == NOK else f" ({supplier_invoice.currency})"
    return text[: MAX_DESCRIPTION_LENGTH - len(suffix)] + suffix
