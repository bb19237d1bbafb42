"""Records the responses of the real systems if their keys are in the environment, by reading only.

No value of a response is kept, only its elements and their types: every value is replaced before it is written to
var/recorded. Differences from the sandbox are reported.

The keys are RECORD_MOMENT_COMPANY and RECORD_MOMENT_API_KEY for Moment, RECORD_APPLICATION_ID, RECORD_USERNAME,
RECORD_PASSWORD and, if the login reaches several clients, RECORD_IDENTITY_ID for 24SevenOffice. Other URLs than
theirs are RECORD_MOMENT_URL, RECORD_API_URL and RECORD_WEB_URL.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import urlsplit

import vcr
from pydantic import SecretStr
from redis import Redis
from vcr.request import Request

from integrations.moment.client import MomentSite, pooled_session
from integrations.moment.gateway import MomentGateway
from integrations.shared_cache import SharedCache
from integrations.twentyfour.budget import Budget, Limits
from integrations.twentyfour.client import SoapClient
from integrations.twentyfour.gateway import TwentyFourGateway
from integrations.twentyfour.session import SessionStore
from local import servers
from models.connections.account_ranges import AccountRanges
from models.connections.vault import Vault
from models.enums import EntityType
from sync.errors import SyncError
from sync.records import LedgerLine
from tests.contracts import record_moment, record_twentyfour
from tests.contracts.shapes import Shape, blanked, differences, recorded
from tests.contracts.stage_twentyfour import DESCRIBED, KEY
from tests.factories import settings

T = TypeVar("T")

MOMENT_URL = "https://app.moment.team/api/1.0"
API_URL, WEB_URL = "https://api.24sevenoffice.com", "https://webservices.24sevenoffice.com"
MOMENT_KEYS = ("RECORD_MOMENT_COMPANY", "RECORD_MOMENT_API_KEY")
TWENTYFOUR_KEYS = ("RECORD_APPLICATION_ID", "RECORD_USERNAME", "RECORD_PASSWORD")
A_YEAR, A_WEEK = timedelta(days=365), timedelta(days=7)
SOME = 5


def record(environ: Mapping[str, str], folder: Path, *, now: datetime) -> list[str]:
    """Record both systems, as far as their keys are there, and return the differences from the sandbox."""
    findings: list[str] = []
    if all(environ.get(key) for key in MOMENT_KEYS):
        with _tape(folder / "moment"):
            _read_moment(_moment(environ), findings, since=now - A_YEAR)
        findings += differences(recorded(folder / "moment"), recorded(record_moment.CASSETTES))
    if all(environ.get(key) for key in TWENTYFOUR_KEYS):
        with (
            TemporaryDirectory() as place,
            servers.redis(Path(place), port=0) as server,
            Redis.from_url(server.url) as redis,
            _tape(folder / "twentyfour"),
        ):
            _read_twentyfour(_twentyfour(environ, redis), findings, now=now)
        findings += differences(recorded(folder / "twentyfour"), _known())
    return findings


def _known() -> Mapping[str, Shape]:
    """Return the sandbox's responses, with what the WSDLs have besides, as the sandbox omits what .NET does."""
    shapes = recorded(record_twentyfour.CASSETTES)
    for wsdl in DESCRIBED:
        for operation, _ in wsdl.bindings():
            if operation in shapes:
                known: Shape = {path: set() for path in wsdl.paths(f"{operation}Response")}
                shapes[operation].update(known | shapes[operation])
    return shapes


def _read_moment(moment: MomentGateway, findings: list[str], *, since: datetime) -> None:
    read: dict[EntityType, Callable[[str], object]] = {
        EntityType.CUSTOMER: moment.customer,
        EntityType.PROJECT: moment.project,
        EntityType.INVOICE: moment.invoice,
    }
    for entity_type, one in read.items():
        for record_id in _call(findings, _first, moment, entity_type, since) or ():
            _call(findings, one, record_id)
    _call(findings, moment.account_codes)
    _call(findings, moment.has_activity, "Expenses")
    _call(findings, moment.find_expense, "24so:0/0/0")


def _first(moment: MomentGateway, entity_type: EntityType, since: datetime) -> list[str]:
    return list(islice(moment.changed(entity_type, since=since), SOME))


def _read_twentyfour(erp: TwentyFourGateway, findings: list[str], *, now: datetime) -> None:
    for look in (erp.identities, erp.client_name, erp.tax_codes, erp.vat_codes, erp.fiscal_years):
        _call(findings, look)
    _call(findings, erp.next_voucher_number, now.date())
    for name in (_call(findings, _lately, erp, now) or ())[:SOME]:
        for line in _call(findings, erp.supplier_voucher, name) or ():
            _read_around(erp, line, findings)


def _lately(erp: TwentyFourGateway, now: datetime) -> Sequence[str]:
    return erp.changed_vouchers(AccountRanges.parse("1000-8999"), since=now - A_WEEK, until=now)


def _read_around(erp: TwentyFourGateway, line: LedgerLine, findings: list[str]) -> None:
    if line.customer_number:
        _call(findings, erp.company, line.customer_number)
    if line.project_number:
        _call(findings, erp.project, line.project_number)
    if line.stamp:
        _call(findings, erp.documents_of, [line.stamp])
    if line.invoice_number.isdecimal():
        _call(findings, partial(erp.posted, day=line.day), int(line.invoice_number))


def _call(findings: list[str], look: Callable[..., T], *arguments: object) -> T | None:
    """Make a call; report an error by its code only, as its message may name a person."""
    try:
        return look(*arguments)
    except SyncError as error:
        findings.append(f"An answer was an error: {error.error_code}")
        return None


def _tape(folder: Path) -> AbstractContextManager[object]:
    """Record to one file, which holds no value of any request or response."""
    recorder = vcr.VCR(
        cassette_library_dir=str(folder),
        record_mode="all",
        decode_compressed_response=True,
        before_record_request=_asked,
        before_record_response=_answered,
    )
    recording: AbstractContextManager[object] = recorder.use_cassette("answers.yaml")
    return recording


def _asked(request: Request) -> Request:
    """Keep a request's path, without the company, ids and parameters."""
    parts = urlsplit(request.uri)
    path = re.sub(r"(?<=/companies/)[^/]+", "0", re.sub(r"/[0-9][^/]*(?=/|$)", "/0", parts.path))
    headers = {name: value for name, value in request.headers.items() if name == "SOAPAction"}
    return Request(request.method, f"http://recorded.invalid{path}", None, headers)


def _answered(response: dict[str, Any]) -> dict[str, Any]:
    return response | {"headers": {}, "body": {"string": blanked(response["body"]["string"])}}


def _moment(environ: Mapping[str, str]) -> MomentGateway:
    site = MomentSite(
        url=environ.get("RECORD_MOMENT_URL", MOMENT_URL),
        record_url="",
        connect_seconds=10,
        answer_seconds=60,
        session=pooled_session(connections=4, connect_seconds=10),
    )
    company, key = (environ[name] for name in MOMENT_KEYS)
    return MomentGateway(settings(moment_company=company, moment_api_key=SecretStr(key)), site=site)


def _twentyfour(environ: Mapping[str, str], redis: Redis) -> TwentyFourGateway:
    application_id, username, password = (environ[name] for name in TWENTYFOUR_KEYS)
    vault = Vault([SecretStr(KEY)])
    client = SoapClient(
        api_url=environ.get("RECORD_API_URL", API_URL),
        web_url=environ.get("RECORD_WEB_URL", WEB_URL),
        budget=Budget(
            redis,
            limits=Limits(per_hour=1000, per_second=5, connection_percent=75),
            clock=lambda: datetime.now(UTC),
        ),
        connect_seconds=10,
        answer_seconds=60,
    )
    return TwentyFourGateway(
        settings(
            username=username, password=SecretStr(password), identity_id=environ.get("RECORD_IDENTITY_ID", "")
        ),
        application_id=application_id,
        client=client,
        store=SessionStore(redis, vault, login_seconds=70),
        cache=SharedCache(redis, vault).private(),
    )
