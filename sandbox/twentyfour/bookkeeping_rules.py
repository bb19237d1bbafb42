"""The rules of bookkeeping that every voucher has to obey. Refusals are in Norwegian, as users read them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from uuid import uuid4

from sandbox.twentyfour.state import Client, Line, TaxCode, Voucher

FIRST_REVENUE_ACCOUNT, FIRST_COST_ACCOUNT = 3000, 4000
ORE = Decimal("0.01")
VAT_SLACK_KRONER, VAT_SLACK_SHARE = Decimal(1), Decimal("0.01")
"""By how much VAT may be off its rate, whichever is more; it covers the rounding of ordinary invoices."""
DOTNET_DECIMALS = Context(prec=31)  # 29 digits and two decimals


class RefusedError(Exception):
    """The vouchers are refused; ``type`` is the type in the response."""

    def __init__(self, message: str, *, type_: str = "Exception") -> None:
        super().__init__(message)
        self.type = type_


@dataclass(frozen=True)
class Leniency:
    """The rules that need not hold: with ``vat``, VAT is not checked, as it is split off or left to a person."""

    vat: bool = True
    difference: bool = False
    direct_ledger: bool = False
    warnings: Collection[str] = ()


def enter(client: Client, vouchers: Sequence[Voucher], *, leniency: Leniency) -> None:
    """Enter vouchers, all of them or none. Raises RefusedError if one of them breaks a rule."""
    if not vouchers:
        raise RefusedError("Ingen bilag å lagre.", type_="NotSaved")
    new: dict[tuple[int, int, int], Voucher] = {}
    known = {
        reference for voucher in client.vouchers.values() if voucher.posted for reference in _references(voucher)
    }
    for voucher in vouchers:
        _check_year(client, voucher)
        _check_number(client, voucher, taken=new)
        for line in voucher.lines:
            _check_line(client, voucher, line, direct_ledger=leniency.direct_ledger)
        if not leniency.difference:
            _check_balance(voucher)
        if "invoicealreadyexists" not in leniency.warnings:
            _check_references(voucher, known)
        if "customermismatchbankaccount" not in leniency.warnings:
            _check_bank_accounts(client, voucher)
        if not leniency.vat:
            _check_vat(client, voucher, ignored=leniency.warnings)
        new[voucher.key] = voucher
        known |= _references(voucher)
    client.vouchers |= new


def split_vat(client: Client, voucher: Voucher) -> None:
    """Split the VAT off the lines whose VAT code has a rate, line by line, to the code's account."""
    lines: list[Line] = []
    for line in voucher.lines:
        code = client.tax_codes.get(line.tax)
        lines.append(line)
        if code and code.rate and code.account and line.account != code.account:
            vat = (line.amount * code.rate / (100 + code.rate)).quantize(ORE, ROUND_HALF_UP)
            line.amount -= vat
            lines.append(replace(line, id=str(uuid4()), account=code.account, amount=vat, project=None, due=None))
    voucher.lines = lines


def post(client: Client, voucher: Voucher, *, now: datetime) -> None:
    """Move a voucher from its journal to the ledger, where the API shows it from ``now``. Raises RefusedError."""
    if voucher.posted:
        raise RefusedError(f"Bilag {voucher.number} er allerede bokført.", type_="DataAlreadySaved")
    _check_year(client, voucher)
    _check_balance(voucher)
    voucher.posted = True
    for line in voucher.lines:
        line.changed = now


def correct(client: Client, voucher: Voucher, lines: Iterable[Line], *, now: datetime) -> None:
    """Replace the lines with the same ids, all of them or none. Raises RefusedError if a rule forbids it."""
    corrected = {line.id: replace(line, changed=now) for line in lines}
    kept = [corrected.get(line.id, line) for line in voucher.lines]
    after = replace(voucher, lines=kept)
    _check_year(client, after)
    for line in kept:
        _check_line(client, after, line, direct_ledger=False)
    _check_balance(after)
    voucher.lines = kept


def reverse(client: Client, voucher: Voucher, *, now: datetime) -> Voucher:
    """Enter a reversing voucher of the same day and type, without documents. Raises RefusedError."""
    counter = Voucher(
        number=client.next_voucher(voucher.type.series, voucher.year),
        year=voucher.year,
        type=voucher.type,
        lines=[_reversed_line(voucher, line, now) for line in voucher.lines],
    )
    enter(client, [counter], leniency=Leniency(warnings={"invoicealreadyexists"}))
    return counter


def _reversed_line(voucher: Voucher, line: Line, now: datetime) -> Line:
    return replace(
        line,
        id=str(uuid4()),
        amount=-line.amount,
        comment=f"Reversering av bilag {voucher.number}",
        stamp=None,
        changed=now,
        registered=now,
    )


def _check_year(client: Client, voucher: Voucher) -> None:
    year = client.years.get(voucher.year)
    if year is None:
        raise RefusedError(f"Regnskapsåret {voucher.year} er ikke opprettet.")
    if year.locked:
        raise RefusedError(f"Regnskapsåret {voucher.year} er låst.")
    for line in voucher.lines:
        if not year.starts <= line.day <= year.ends:
            raise RefusedError(
                f"Bilag {voucher.number}: datoen {line.day} er ikke i regnskapsåret {voucher.year}."
            )


def _check_number(client: Client, voucher: Voucher, *, taken: Collection[tuple[int, int, int]]) -> None:
    series = client.series[voucher.type.series]
    if voucher.number < series.start:
        raise RefusedError(
            f"Bilag {voucher.number} er utenfor nummerserien {series.name}, som starter på {series.start}."
        )
    if voucher.key in client.vouchers or voucher.key in taken:
        raise RefusedError(
            f"Bilag {voucher.number} finnes allerede i nummerserien {series.name} for {voucher.year}.",
            type_="DataAlreadySaved",
        )


def _check_line(client: Client, voucher: Voucher, line: Line, *, direct_ledger: bool) -> None:
    where = f"Bilag {voucher.number}"
    account = client.accounts.get(line.account)
    if account is None:
        raise RefusedError(f"{where}: konto {line.account} finnes ikke i kontoplanen.")
    if account.ledger and line.customer is None and not direct_ledger:
        raise RefusedError(f"{where}: konto {line.account} er en reskontrokonto og krever kunde eller leverandør.")
    if line.customer is not None and line.customer not in client.customers:
        raise RefusedError(f"{where}: kunde {line.customer} finnes ikke.")
    if line.project is not None and line.project not in client.projects:
        raise RefusedError(f"{where}: prosjekt {line.project} finnes ikke.")
    if line.department is not None and line.department not in client.departments:
        raise RefusedError(f"{where}: avdeling {line.department} finnes ikke.")
    if line.amount != line.amount.quantize(ORE, context=DOTNET_DECIMALS):
        raise RefusedError(f"{where}: beløpet {line.amount} har mer enn to desimaler.")
    _check_tax(client, where, line)


def _check_tax(client: Client, where: str, line: Line) -> None:
    if line.tax in {"", "0"}:
        return
    code = client.tax_codes.get(line.tax)
    if code is None:
        raise RefusedError(f"{where}: mva-kode {line.tax} finnes ikke.")
    if line.account == code.account:
        return
    outgoing = FIRST_REVENUE_ACCOUNT <= line.account < FIRST_COST_ACCOUNT
    if line.account < FIRST_REVENUE_ACCOUNT or code.outgoing != outgoing:
        raise RefusedError(f"{where}: mva-kode {line.tax} ({code.name}) kan ikke brukes på konto {line.account}.")


def _check_balance(voucher: Voucher) -> None:
    if not voucher.lines:
        raise RefusedError(f"Bilag {voucher.number} har ingen linjer.", type_="NotSaved")
    difference = sum(line.amount for line in voucher.lines)
    if difference:
        raise RefusedError(
            f"Bilag {voucher.number} er ikke i balanse, differansen er {difference:.2f}.", type_="NotSaved"
        )


def _check_references(voucher: Voucher, known: Collection[tuple[int, str]]) -> None:
    for customer, invoice in _references(voucher):
        if (customer, invoice) in known:
            raise RefusedError(
                f"Faktura {invoice} finnes allerede på kunde {customer} (invoicealreadyexists).",
                type_="DuplicateData",
            )


def _references(voucher: Voucher) -> set[tuple[int, str]]:
    return {(line.customer, line.invoice) for line in voucher.lines if line.invoice and line.customer is not None}


def _check_bank_accounts(client: Client, voucher: Voucher) -> None:
    """Warn about a bank account on a line that is not the one of its customer."""
    for line in voucher.lines:
        known = client.customers.get(line.customer or 0, {}).get("BankAccountNo", "")
        if line.customer is not None and line.bank_account not in ("", known):
            raise RefusedError(
                f"Bilag {voucher.number}: bankkonto {line.bank_account} er ikke standardkontoen til kunde "
                f"{line.customer} (customermismatchbankaccount)."
            )


def _check_vat(client: Client, voucher: Voucher, *, ignored: Collection[str]) -> None:
    """Warn about a VAT code without its VAT lines, and about VAT lines without their base."""
    for code in client.tax_codes.values():
        if code.rate and code.account:
            _check_vat_of(voucher, code, ignored, exact=client.exact_vat)


def _check_vat_of(voucher: Voucher, code: TaxCode, ignored: Collection[str], *, exact: bool) -> None:
    where = f"Bilag {voucher.number}"
    based = [line.amount for line in voucher.lines if line.tax == code.number and line.account != code.account]
    vat = [line.amount for line in voucher.lines if line.account == code.account and line.tax in {code.number, ""}]
    if vat and not based and "vatismissingfoundation" not in ignored:
        raise RefusedError(f"{where}: mva på konto {code.account} mangler grunnlag (vatismissingfoundation).")
    if based and not _is_of_rate(sum(based), vat, code.rate, exact=exact) and "vatisnotinbalance" not in ignored:
        raise RefusedError(f"{where}: mva for mva-kode {code.number} er ikke i balanse (vatisnotinbalance).")


def _is_of_rate(base: Decimal | int, vat: Sequence[Decimal], rate: Decimal, *, exact: bool) -> bool:
    """Return whether VAT exists and matches its rate, except for rounding; ``exact`` allows less than an øre."""
    expected = base * rate / 100
    off = abs(sum(vat) - expected)
    if exact or not vat:
        return off < ORE
    return off <= max(VAT_SLACK_KRONER, abs(expected) * VAT_SLACK_SHARE)
