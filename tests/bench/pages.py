"""Response times of the pages with a million jobs and 300 connections in the database."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from sqlalchemy import Connection, NullPool, create_engine, text
from urllib3 import Retry

from local import servers
from local.processes import ROOT, end, spawn
from models.database import migrate
from models.enums import Role, Scope
from models.pagination import Key
from models.users import repository as users
from models.users import sessions, tokens
from models.users.repository import Rights
from models.users.tokens import TokenScope
from tests.bench.figures import Figures, Row, percentile
from tests.factories import settings
from tests.installation import environment, installed
from web.security.cookies import SESSION
from worker.container import Container, clock

FULL = Path(__file__).with_name("full.sql")
CONNECTIONS, JOBS = 300, 1_000_000
"""What that file creates."""

SCOPES = {
    "everybody's": Scope(),
    "half of them": Scope(frozenset(range(1, CONNECTIONS // 2 + 1))),
    "three": Scope(frozenset({1, 2, 3})),
    "one": Scope(frozenset({1})),
}
"""Which connections a user sees."""

FILTERS = {
    "state": ("", "needs_attention", "done", "dismissed"),
    "type": ("", "expense"),
    "error_code": ("", "not_listed"),
    "text": ("", "faktura", "as", "nordlys12", "kunde fjord7", "nobody"),
    "company": ("", "nordlys"),
}
"""The combinations of filters: words that most, many, few and no jobs have."""

MONTH = tuple(datetime.now(UTC).date() - timedelta(days=days) for days in (20, 10))
HALFWAY = Key(datetime.now(UTC) - timedelta(days=15), 0)
PAGES = {
    "overview": ("/", "/?company=nordlys", "/?page=9"),
    "connections": ("/connections",),
    "records, each filter": tuple(
        "/records?" + "&".join(f"{name}={value}" for name, value in zip(FILTERS, values, strict=True))
        for values in itertools.product(*FILTERS.values())
    ),
    "records, halfway": (f"/records?page={HALFWAY}", f"/records?page={HALFWAY}&text=skog"),
    "records, in order of date or amount": tuple(
        f"/records?{month}&sort={sort}&{more}"
        for month in ("", f"date_from={MONTH[0]}&date_to={MONTH[1]}")
        for sort in ("received", "received_asc", "date", "amount", "amount_asc")
        for more in ("", "type=invoice&company=nordlys", "state=needs_attention", "text=nordlys12")
    ),
    "records, confirmation": (
        "/records/confirm?action=retry&all=yes",
        "/records/confirm?action=retry&all=yes&text=as",
    ),
    "expenses": ("/expenses", "/expenses?state=synced", "/expenses?state=skipped&error_code=no_project"),
    "mails": ("/email-log",),
    "audit": ("/audit-log", "/audit-log?company=nordlys"),
    "error_codes": ("/error-codes", "/error-codes/unknown_account"),
}
OF_ALL_ONLY = {
    "one record": tuple(f"/records/{job_id}" for job_id in range(1, JOBS, 66_666)),
    "one connection": (f"/connections/{CONNECTIONS + 1}",),
    "users": ("/users",),
}
JOBS_OF_API = (
    "/api/v1/jobs",
    "/api/v1/jobs?state=needs_attention",
    "/api/v1/jobs?entity_type=expense&error_code=not_listed",
    "/api/v1/jobs?text=nordlys12",
    "/api/v1/jobs?connection_name=nordlys",
    f"/api/v1/jobs?cursor={HALFWAY}",
)
TIMES = {"records, each filter": 2}
OFTEN = 10
UNLIMITED = {"API_REQUESTS_PER_MINUTE": "1000000"}
MAX_MILLISECONDS, MAX_MILLISECONDS_OF_API, MAX_KIBIBYTES = 150, 50, 200


def pages() -> Row:
    """Measure each page for people who see all connections, some, or one."""
    figures: dict[str, float] = {}
    largest = 0
    with TemporaryDirectory() as state, _installation(Path(state)) as container, _web() as url:
        for whose, scope in SCOPES.items():
            person = _signed_in(container, scope)
            for name, addresses in (PAGES | (OF_ALL_ONLY if scope.connections is None else {})).items():
                sys.stderr.write(f"{name}, {whose} ...\n")
                seconds, size = _measured(person, url, addresses, times=TIMES.get(name, OFTEN))
                largest = max(largest, size)
                figures |= _spread(f"{name}: {whose}", seconds)
        of_api = jobs_of_api(container, url)
    worst, worst_of_api = (max(v for k, v in each.items() if k.endswith("p95_ms")) for each in (figures, of_api))
    largest_kib = largest / 1024
    return Row(
        goal=f"with {JOBS} jobs and {CONNECTIONS} connections, p95 of each page <= {MAX_MILLISECONDS} ms and of "
        f"GET /api/v1/jobs <= {MAX_MILLISECONDS_OF_API} ms, no page over {MAX_KIBIBYTES} KiB",
        reached=worst <= MAX_MILLISECONDS
        and worst_of_api <= MAX_MILLISECONDS_OF_API
        and largest_kib <= MAX_KIBIBYTES,
        figures={
            "worst_p95_ms": worst,
            "worst_of_api_p95_ms": worst_of_api,
            "largest_kib": largest_kib,
            **figures,
            **of_api,
        },
    )


def jobs_of_api(container: Container, url: str) -> dict[str, float]:
    """Measure the API's list of jobs for programs whose tokens are for all connections, some, or one."""
    figures: dict[str, float] = {}
    for whose, scope in SCOPES.items():
        _, token = tokens.create(
            container.database, "bench", scopes=frozenset(TokenScope), scope=scope, actor="bench", now=clock()
        )
        program = requests.Session()
        program.trust_env = False
        program.headers["Authorization"] = f"Bearer {token}"
        seconds, _ = _measured(program, url, JOBS_OF_API, times=OFTEN)
        figures |= _spread(f"API, jobs: {whose}", seconds)
    return figures


def _measured(
    person: requests.Session, url: str, addresses: Sequence[str], *, times: int
) -> tuple[list[float], int]:
    """Return the seconds of requesting every URL several times, and the bytes of the longest response.

    The first request of each is not measured.
    """
    seconds: list[float] = []
    largest = 0
    for address in addresses:
        largest = max(largest, _look(person, url + address))
        for _ in range(times):
            began = time.perf_counter()
            _look(person, url + address)
            seconds.append(time.perf_counter() - began)
    return seconds, largest


def _spread(name: str, seconds: Sequence[float]) -> Figures:
    cuts = {"p50": percentile(seconds, 50), "p95": percentile(seconds, 95), "slowest": max(seconds)}
    return {f"{name}, {cut}_ms": value * 1000 for cut, value in cuts.items()}


def _look(person: requests.Session, address: str) -> int:
    """Request a page, and return its size in bytes."""
    response = person.get(address, timeout=60)
    response.raise_for_status()
    return len(response.content)


def _signed_in(container: Container, scope: Scope) -> requests.Session:
    email = f"{len(scope.connections or ())}@example.com"
    user = users.add(
        container.database, email, Rights(Role.ADMINISTRATOR, scope), password=None, actor="bench", now=clock()
    )
    person = requests.Session()
    person.trust_env = False
    token = sessions.start(container.database, user.id, now=clock())
    person.headers["Cookie"] = f"{SESSION.full_name(https=True)}={token}"
    return person


@contextmanager
def _web() -> Iterator[str]:
    """Run the web process, as in an installation: in the client's own process, either would wait for the other."""
    [port] = servers.free_ports(0)
    url = f"http://127.0.0.1:{port}"
    command = (sys.executable, "-m", "web", "--port", str(port))
    process = spawn(command, cwd=ROOT, env=os.environ, output=subprocess.DEVNULL)
    try:
        with requests.Session() as session:
            session.mount(url, HTTPAdapter(max_retries=Retry(total=100, backoff_factor=0.1, backoff_max=0.5)))
            session.get(f"{url}/health/live", timeout=5).raise_for_status()
        yield url
    finally:
        end(process, signal.SIGTERM, seconds=5)


@contextmanager
def _installation(folder: Path) -> Iterator[Container]:
    with ExitStack() as until_the_end:
        postgres = until_the_end.enter_context(servers.postgres(folder / "postgres", port=0, durable=False))
        redis = until_the_end.enter_context(servers.redis(folder / "redis", port=0))
        container = until_the_end.enter_context(installed(environment(postgres.url, redis.url) | UNLIMITED))
        migrate(SecretStr(postgres.url))
        sys.stderr.write("A million records ...\n")
        _fill(postgres.url)
        container.connections.add("Demo AS", settings(moment_company="demo"), actor="bench", now=clock())
        yield container


def _fill(url: str) -> None:
    """Run the file; the indexes of its largest table are created afterwards, as that is faster."""
    address = url.replace("postgresql", "postgresql+psycopg2", 1)
    engine = create_engine(address, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        indexes = _indexes(connection)
        for name in indexes:
            connection.exec_driver_sql(f"DROP INDEX {name}")
        for statement in FULL.read_text().removesuffix(";\n").split(";\n"):
            connection.execute(text(statement))
        for definition in indexes.values():
            connection.exec_driver_sql(definition)
        connection.exec_driver_sql("VACUUM ANALYZE")


def _indexes(connection: Connection) -> Mapping[str, str]:
    rows = connection.exec_driver_sql(
        "SELECT indexname, indexdef FROM pg_indexes LEFT JOIN pg_constraint ON conname = indexname"
        " WHERE tablename = 'sync_jobs' AND conname IS NULL"
    )
    return {row.indexname: row.indexdef for row in rows}
