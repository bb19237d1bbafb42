"""The sandbox's 24SevenOffice on a fixed day, the gateway that calls it, and its recorded calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar

import requests
from cryptography.fernet import Fernet
from pydantic import SecretStr
from redis import Redis
from starlette.types import ASGIApp

from integrations.shared_cache import SharedCache
from integrations.twentyfour.budget import Budget, Limits
from integrations.twentyfour.client import SoapClient
from integrations.twentyfour.gateway import TwentyFourGateway
from integrations.twentyfour.session import SessionStore
from models.connections.account_ranges import AccountRanges
from models.connections.vault import Vault
from sandbox.faults import Faults
from sandbox.twentyfour import seed
from sandbox.twentyfour.app import create_app
from sync.ports import Erp
from sync.records import (
    Address,
    Company,
    CompanyDraft,
    CustomerDetails,
    Entry,
    ExistingProject,
    FiscalYear,
    Identity,
    LedgerLine,
    ProjectDraft,
    VatCode,
    Voucher,
    VoucherDocument,
    VoucherDocuments,
)
from tests import factories
from tests.contracts import suppliers
from tests.contracts.dotnet import as_dotnet
from tests.contracts.strictness import strict
from tests.fakes import lines_of
from tests.sandbox.serving import serving
from tests.sandbox.twentyfour.wsdl import Wsdl

E = TypeVar("E", bound=Erp)
WSDLS = Path(__file__).parents[2] / "integrations/twentyfour/wsdl"
DESCRIBED = [Wsdl(path) for path in sorted(WSDLS.glob("*.wsdl"))]
AROUND: dict[str, Callable[[ASGIApp], ASGIApp]] = {
    "sandbox": lambda app: app,
    "dotnet": lambda app: as_dotnet(app, DESCRIBED),
}
"""The forms of responses that our client must read."""

MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = Fernet.generate_key().decode()
DEMO_IDENTITY = "3d0c54c8-e786-58cf-8fe5-bcfdde9d4a67"

NORDLYS = CompanyDraft(
    moment_id="62788973",
    name="Nordlys Arkitekter AS",
    organization_number="923609016",
    email="post@nordlys.example",
    invoice_email="faktura@nordlys.example",
    is_company=True,
    details=CustomerDetails(
        phone="77 00 00 00", country="NO", addresses=(Address("post", "Storgata 1", "9008", "Tromsø", "NO"),)
    ),
)
KULTURHUSET = ProjectDraft(number=1, name="Kulturhuset", customer_number=10001, starts=date(2026, 1, 5))
VOUCHER = Voucher(
    number=1,
    invoice_number=1,
    day=date(2026, 3, 2),
    due=date(2026, 3, 16),
    entries=(
        Entry(1500, 240000, 10001, project_number=1),
        Entry(3000, -100000, 10001, tax_code="3", project_number=1, department=10),
        Entry(3020, -100000, 10001, tax_code="31", project_number=1),
        Entry(2701, -25000, 10001, tax_code="3"),
        Entry(2702, -15000, 10001, tax_code="31"),
    ),
    kid="0000018",
    comment="Moment: Invoice 1 https://moment.example/invoices/106939080",
)
VAT_CODES = (
    ("0", 0, None),
    ("1", 25, 2711),
    ("11", 15, 2712),
    ("3", 25, 2701),
    ("31", 15, 2702),
    ("5", 0, None),
    ("52", 0, None),
)
SCAN = b"%PDF-1.7 F-77"
SEEN = [{"Key": "CustomerName", "Value": "Byggmakker AS"}, {"Key": "InvoiceNo", "Value": "F-77"}]
DOCUMENT = VoucherDocument(
    id="1",
    type="pdf",
    supplier="Byggmakker AS",
    invoice_number="F-77",
    handle={
        "Id": 1,
        "Type": "Pdf",
        "StampNo": 501,
        "StampMeta": {"KeyValuePair": SEEN},
        "FrameInfo": {
            "ImageFrameInfo": [
                {"Id": 1, "Uri": None, "StampNo": 501, "MetaData": {"KeyValuePair": SEEN}, "Status": 0}
            ]
        },
        "ContactId": None,
    },
)


def purchase_line(account: int, amount: int, **more: Any) -> LedgerLine:
    """Return a line of the voucher of :func:`enter_purchase` as the gateway returns it."""
    return LedgerLine(
        account=account,
        amount=amount,
        day=date(2026, 3, 1),
        voucher_number=40001,
        type=104,
        system_type="InvoiceSupplier",
        invoice_number="F-77",
        stamp=501,
        **more,
    )


PURCHASE = [
    purchase_line(4300, 100000, vat_code="1", project_number=1, text="Gips"),
    purchase_line(2711, 25000, vat_code="1"),
    purchase_line(2400, -125000, customer_number=20001, customer_name="Byggmakker AS"),
]


@dataclass(frozen=True)
class RecordedCall:
    """A call of the gateway and its result; calls build on those before them."""

    call: Callable[[TwentyFourGateway], object]
    result: object
    settings: dict[str, Any] = field(default_factory=dict)


RECORDED_CALLS = {
    "identities": RecordedCall(
        TwentyFourGateway.identities, [Identity(DEMO_IDENTITY, "Demo AS", client_number=1)]
    ),
    "identity_id": RecordedCall(TwentyFourGateway.identity_id, DEMO_IDENTITY, {"identity_id": ""}),
    "tax_codes": RecordedCall(
        lambda erp: {1500: "", 3000: "3", 3100: "5"}.items() <= erp.tax_codes().items(), result=True
    ),
    "fiscal_years": RecordedCall(
        TwentyFourGateway.fiscal_years,
        [FiscalYear(date(year, 1, 1), date(year, 12, 31), locked=year == 2024) for year in range(2024, 2028)],
    ),
    "save_companies": RecordedCall(lambda erp: erp.save_companies([NORDLYS]), [10001]),
    "find_company": RecordedCall(
        lambda erp: erp.find_company("62788973"), Company(10001, NORDLYS.name, "923609016", "62788973")
    ),
    "all_companies": RecordedCall(
        lambda erp: list(erp.all_companies()),
        [
            Company(20001, "Byggmakker AS", supplier=True),
            NORDLYS.as_company(10001),
        ],
    ),
    "company": RecordedCall(lambda erp: erp.company(10002), None),
    "save_project": RecordedCall(lambda erp: erp.save_project(KULTURHUSET), None, {"client_id": "4711"}),
    "existing_projects": RecordedCall(
        lambda erp: erp.existing_projects([1, 4711]), [ExistingProject(1, "Kulturhuset", 10001, client_id="4711")]
    ),
    "next_voucher_number": RecordedCall(lambda erp: erp.next_voucher_number(date(2026, 3, 2)), 1),
    "post": RecordedCall(lambda erp: erp.post([VOUCHER], year=2026), None),
    "posted": RecordedCall(lambda erp: erp.posted(1, day=date(2026, 3, 2)), lines_of(VOUCHER, NORDLYS.name)),
    "changed_vouchers": RecordedCall(
        lambda erp: erp.changed_vouchers(
            AccountRanges.parse("4000-4999"), since=MORNING, until=MORNING + timedelta(hours=1)
        ),
        ["2026-104-40001"],
    ),
    "supplier_voucher": RecordedCall(lambda erp: erp.supplier_voucher("2026-104-40001"), PURCHASE),
    "files": RecordedCall(lambda erp: erp.documents_of([501]), {501: VoucherDocuments(approved=(DOCUMENT,))}),
    "fetch": RecordedCall(lambda erp: content_of(erp, DOCUMENT), SCAN),
    "client_name": RecordedCall(TwentyFourGateway.client_name, "Demo AS"),
    "project": RecordedCall(
        lambda erp: [erp.project(1), erp.project(4711)],
        [ExistingProject(1, "Kulturhuset", client_id="4711"), None],
    ),
    "currency_rates": RecordedCall(lambda erp: erp.currency_rates()["SEK"] < 2, result=True),
    "vat_codes": RecordedCall(
        TwentyFourGateway.vat_codes,
        {
            code: VatCode(Decimal(rate), account, id=200 + place)
            for place, (code, rate, account) in enumerate(VAT_CODES)
        },
    ),
}


def enter_purchase(twentyfour_sandbox: TwentyFourSandbox) -> None:
    """Enter what the recorded calls need: the voucher of a supplier, with its document."""
    suppliers.add_supplier(twentyfour_sandbox)
    seen = {pair["Key"]: pair["Value"] for pair in SEEN}
    suppliers.enter(twentyfour_sandbox, files=[suppliers.scanned(SCAN, meta=seen)])


def content_of(erp: TwentyFourGateway, document: VoucherDocument) -> bytes:
    with erp.open_document(document, renew_lease=lambda: None) as content:
        return content.read()


@contextmanager
def serving_twentyfour(
    clock: Callable[[], datetime] | None = None, *, around: Callable[[ASGIApp], ASGIApp] = lambda app: app
) -> Iterator[str]:
    """Serve 24SevenOffice with the data of March 2026; by default its clock advances by a second with each call.

    It accepts only strictly valid requests.
    """
    seconds = count()
    app = create_app(
        seed.initial_state(MORNING.date()),
        wsdl=WSDLS,
        faults=Faults(),
        clock=clock or (lambda: MORNING + timedelta(seconds=next(seconds))),
    )
    with serving(strict(around(app), DESCRIBED)) as url:
        yield url


def soap_client(url: str, redis: Redis, *, answer_seconds: float = 5) -> SoapClient:
    """Make the SOAP client that the gateways of a process share."""
    budget = Budget(
        redis,
        limits=Limits(per_hour=7000, per_second=1000, connection_percent=75),
        clock=lambda: datetime.now(UTC),
    )
    return SoapClient(api_url=url, web_url=url, budget=budget, connect_seconds=2, answer_seconds=answer_seconds)


def gateway(
    url: str, redis: Redis, *, client: SoapClient | None = None, answer_seconds: float = 5, **settings: Any
) -> TwentyFourGateway:
    """Make a gateway, by default as another worker of the same connection: with the same Redis and key."""
    vault = Vault([SecretStr(KEY)])
    return TwentyFourGateway(
        factories.settings(**{"identity_id": DEMO_IDENTITY, **settings}),
        application_id="00000000-0000-0000-0000-000000000000",
        client=client or soap_client(url, redis, answer_seconds=answer_seconds),
        store=SessionStore(redis, vault, login_seconds=5),
        cache=SharedCache(redis, vault).for_connection(1),
    )


def with_records(erp: E) -> E:
    """Save the customer and the project of the voucher."""
    erp.save_companies([NORDLYS])
    erp.save_project(KULTURHUSET)
    return erp


class TwentyFourSandbox:
    """The sandbox's 24SevenOffice from outside our gateway."""

    def __init__(self, url: str, redis: Redis) -> None:
        self.url = url
        self.redis = redis

    @classmethod
    @contextmanager
    def fresh(cls, url: str, redis_url: str) -> Iterator[Self]:
        """Begin with the seeded data and an empty Redis."""
        with Redis.from_url(redis_url) as redis:
            twentyfour_sandbox = cls(url, redis)
            twentyfour_sandbox.control("POST", "/reset")
            yield twentyfour_sandbox

    def gateway(self, **settings: Any) -> TwentyFourGateway:
        return gateway(self.url, self.redis, **settings)

    def records(self, resource: str, client: int = 1) -> list[dict[str, Any]]:
        return list(self.control("GET", f"/books/{client}/{resource}").json())

    def calls(self) -> dict[str, int]:
        return dict(self.control("GET", "/calls").json())

    def add_fault(self, operation: str, kind: str, **more: Any) -> None:
        self.control("POST", "/faults", {"operation": operation, "kind": kind, **more})

    def control(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        response = requests.request(method, self.url + path, json=body, timeout=5)
        response.raise_for_status()
        return response
