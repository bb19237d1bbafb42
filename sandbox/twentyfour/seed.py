"""The seeded data: three clients with the same small Norwegian chart of accounts."""

from datetime import date
from decimal import Decimal
from uuid import NAMESPACE_URL, uuid5

from sandbox.twentyfour.state import Account, Client, Identity, Login, Series, State, TaxCode, VoucherType, Year

ACCOUNTS = (
    (1500, "Kundefordringer", "0"),
    (1920, "Bank", "0"),
    (2400, "Leverandørgjeld", "0"),
    (2701, "Utgående merverdiavgift, høy sats", "0"),
    (2702, "Utgående merverdiavgift, middels sats", "0"),
    (2711, "Inngående merverdiavgift, høy sats", "0"),
    (2712, "Inngående merverdiavgift, middels sats", "0"),
    (2740, "Oppgjørskonto merverdiavgift", "0"),
    (3000, "Salgsinntekt, avgiftspliktig", "3"),
    (3020, "Salgsinntekt, middels sats", "31"),
    (3100, "Salgsinntekt, avgiftsfri", "5"),
    (4000, "Innkjøp av råvarer og halvfabrikater", "1"),
    (4300, "Innkjøp av varer for videresalg", "1"),
    (4500, "Fremmedytelse og underentreprise", "1"),
    (6590, "Annet driftsmateriale", "1"),
    (7140, "Reisekostnad, ikke oppgavepliktig", "0"),
)
LEDGER_ACCOUNTS = {1500, 2400}

TAX_CODES = (
    ("0", "Ingen mva-behandling", "0", True, None),
    ("1", "Inngående mva, 25 %", "25", False, 2711),
    ("11", "Inngående mva, 15 %", "15", False, 2712),
    ("3", "Utgående mva, 25 %", "25", True, 2701),
    ("31", "Utgående mva, 15 %", "15", True, 2702),
    ("5", "Innenlands omsetning, 0 %", "0", True, None),
    ("52", "Utførsel, 0 %", "0", True, None),
)

# Series numbers, TypeNo and TypeId are all different, so that a mix-up is noticed.
SERIES = (
    (1, "Utgående faktura", 1),
    (2, "Innbetaling", 20001),
    (3, "Inngående faktura", 40001),
    (4, "Utbetaling", 60001),
    (5, "Diverse", 80001),
)

TYPES = (
    (101, 11, "Utgående faktura", 1, "InvoiceCustomer"),
    (102, 12, "Utgående kreditnota", 1, "CreditnoteCustomer"),
    (103, 13, "Innbetaling", 2, "Payment"),
    (104, 14, "Inngående faktura", 3, "InvoiceSupplier"),
    (105, 15, "Inngående kreditnota", 3, "CreditnoteSupplier"),
    (106, 16, "Utbetaling", 4, "Disbursment"),
    (107, 17, "Diverse", 5, "Miscellaneous"),
)

DEPARTMENTS = ((7, "Oslo"), (10, "Tromsø"))


def initial_state(today: date) -> State:
    """Make the seeded data; the fiscal year before last is locked, and the one after next does not exist yet."""
    clients = (
        _client(1, "Demo AS", "916634326", today.year),
        _client(2, "Fjord Prosjekt AS", "923609016", today.year),
        _client(3, "Gammel AS", "987654325", today.year),
    )
    logins = (
        Login("demo@example.com", "demo-password", [identity("demo", 1, default=True)]),
        Login(
            "many@example.com",
            "many-password",
            [identity("many", 1, default=True), identity("many", 2), identity("many", 3, disabled=True)],
        ),
    )
    return State({client.id: client for client in clients}, {login.username: login for login in logins})


def add_client(state: State, number: int, *, name: str, username: str, password: str, today: date) -> Identity:
    """Create another client with the same chart, or recreate an old one, and the login of its only user."""
    own = identity(username, number, default=True)
    state.clients[number] = _client(number, name, f"{910_000_000 + number}", today.year)
    state.logins[username] = Login(username, password, [own])
    return own


def _client(number: int, name: str, organization_number: str, year: int) -> Client:
    tax_codes = [
        TaxCode(200 + place, code, title, Decimal(rate), outgoing, account)
        for place, (code, title, rate, outgoing, account) in enumerate(TAX_CODES)
    ]
    years = [
        Year(_guid(f"client {number} year {when}"), when, locked=when == year - 2)
        for when in range(year - 2, year + 2)
    ]
    return Client(
        id=number,
        name=name,
        organization_number=organization_number,
        accounts={
            account: Account(account, title, tax, account in LEDGER_ACCOUNTS) for account, title, tax in ACCOUNTS
        },
        tax_codes={code.number: code for code in tax_codes},
        types={voucher_type.number: voucher_type for voucher_type in (VoucherType(*row) for row in TYPES)},
        series={series.id: series for series in (Series(*row) for row in SERIES)},
        years={fiscal.number: fiscal for fiscal in years},
        departments=dict(DEPARTMENTS),
    )


def identity(user: str, client: int, *, default: bool = False, disabled: bool = False) -> Identity:
    return Identity(_guid(f"{user} at client {client}"), client, default=default, disabled=disabled)


def _guid(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://24sevenoffice.example/{name}"))
