"""The system for measurements: no snapshots of the sandbox, only our own limits, and a view of the processes."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from sqlalchemy import func, select, text

import models.enums
from local.demo_user import eventually, expect
from local.processes import ROOT
from local.stack import Stack
from models.enums import PENDING, EntityType
from models.inbox import links, vat_checks
from models.inbox.enqueue import enqueue
from models.schema.tables import SyncJobRow
from tests.bench.load import Request, send_all
from tests.journeys.firm import API_KEY, Firm, Record
from tests.journeys.running_system import RunningSystem, running_system
from worker.container import clock

UNLIMITED = {
    "TWENTYFOUR_REQUESTS_PER_HOUR": "100000000",
    "TWENTYFOUR_REQUESTS_PER_SECOND": "10000",
    "POLL_SECONDS": "36000",
}
"""Limits that other rows measure (the budget, the polls) are set out of the way."""

LOG = ROOT / "var" / "bench" / "log"

KEY = "Basic " + base64.b64encode(f"apikey:{API_KEY}".encode()).decode()
TIMEOUT_SECONDS = 600
WRITERS = 4
SENDERS = 8
PARTS = {"worker": " worker ", "beat": " beat ", "web": " -m web ", "postgres": "postgres", "redis": "valkey"}
"""Our own processes, each with a word of its command line."""


class BenchStack(Stack):
    """Runs without Flower, and with a sandbox that saves nothing: a snapshot would stop it while being written."""

    def command_lines(self) -> dict[str, tuple[str, ...]]:
        lines = super().command_lines()
        del lines["flower"]
        return lines | {"sandbox": tuple(word for word in lines["sandbox"] if not word.startswith("--keep"))}


@dataclass(frozen=True, slots=True)
class Part:
    """One of our processes with its children: seconds of CPU so far, and by process the bytes of its own memory."""

    cpu: float
    memory: Mapping[int, int]


class BenchSystem:
    """A running system for one row of the report, and the actions on it."""

    def __init__(self, running: RunningSystem) -> None:
        self.running_system = running
        self.stack, self.container = running.stack, running.container

    def firm(self, **settings: Any) -> Firm:
        """Connect a firm; only the row's own webhooks report its changes."""
        firm = self.running_system.firm()
        firm.control("twentyfour", "PUT", "limits", {"per_hour": 10**9, "per_second": 10**6})
        firm.connect(webhook_types=(), **settings)
        return firm

    def project(self, firm: Firm) -> Record:
        """Enter a project, and sync it and its customer with an invoice."""
        project = firm.project()
        first = firm.invoice(project)
        firm.notify(first)
        firm.expect_vouchers([first])
        return project

    def write(self, firm: Firm, projects: Sequence[Record]) -> list[Record]:
        """Write an invoice on each of these projects, without a webhook."""
        account = firm.moment("financialAccounts")[0]["id"]
        line = {"description": "Work", "financialAccountId": account, "quantity": 1}
        drafts = [
            {
                "customerId": project["customerId"],
                "projectId": project["id"],
                "invoiceLines": [{**line, "unitPrice": f"{number}.00"}],
            }
            for number, project in enumerate(projects, 1)
        ]
        made = self.enter(firm, "invoices", drafts)
        paths = [f"/companies/{firm.company}/invoices/{draft['id']}/finalize" for draft in made]
        return self.moment([Request("POST", path) for path in paths])

    def branch(self, firm: Firm, project: Record, name: str) -> tuple[int, str]:
        """Add a connection between the same company and client that has posted before; return its id and webhook.

        The project and its customer are linked, and the VAT codes have been read back from the ledger.
        """
        database, connections = self.container.database, self.container.connections
        for index in ("connections_moment_company", "connections_client_number"):
            database.execute(text(f"drop index if exists {index}"))  # many of one company, to measure
        added, token = connections.add(name, firm.connection.settings, actor="bench", now=clock())
        for entity_type, moment_id in (
            (EntityType.CUSTOMER, project["customerId"]),
            (EntityType.PROJECT, project["id"]),
        ):
            record = models.enums.Record(entity_type, str(moment_id))
            if link := links.find(database, firm.connection.id, record):
                links.save(database, added.id, record, link, now=clock())
        voucher_vat = firm.connection.settings.voucher_vat
        for check in vat_checks.find(database, firm.connection.id, voucher_vat):
            vat_checks.begin(
                database, added.id, voucher_vat, [check.vat_code], record_id=check.record_id, now=clock()
            )
            vat_checks.decide(database, added.id, voucher_vat, check.record_id, check.status, now=clock())
        return added.id, f"{firm.webhook_url.rpartition('/')[0]}/{token}"

    def enter(self, firm: Firm, resource: str, records: Sequence[Mapping[str, object]]) -> list[Record]:
        """Enter many records in Moment."""
        path = f"/api/1.0/companies/{firm.company}/{resource}"
        return self.moment([Request("POST", path, json.dumps(each).encode(), KEY) for each in records])

    def moment(self, requests: Sequence[Request]) -> list[Record]:
        """Send requests to Moment at once, and return the records in the responses."""
        answers = send_all(self.stack.addresses["moment"], requests, connections=WRITERS)
        expect("refused", [each.body for each in answers if each.status not in {200, 201}], [])
        return [json.loads(each.body) for each in answers]

    def notify(self, requests: Sequence[Request]) -> None:
        """Send webhooks as fast as they are accepted."""
        answers = send_all(self.stack.addresses["web"], requests, connections=SENDERS)
        expect("not taken", [each.status for each in answers if each.status != 202], [])

    def receive(self, connection_id: int, entity_type: EntityType, ids: Sequence[int]) -> None:
        """Enqueue records without the web, and dispatch."""
        for start in range(0, len(ids), 1000):
            records = [models.enums.Record(entity_type, str(each)) for each in ids[start : start + 1000]]
            enqueue(self.container.database, connection_id, records, now=clock())
        self.running_system.beat(f"sync_{entity_type}s", connection_id)

    def late(self, firm: Firm, *, moment: float, twentyfour: float) -> None:
        """Set the latency of both systems in seconds, and count calls from now on."""
        for system, seconds in (("moment", moment), ("twentyfour", twentyfour)):
            firm.control(system, "PUT", "latency", {"seconds": seconds})
            firm.control(system, "DELETE", "calls")

    def in_hand(self) -> int:
        """Count the jobs that are pending."""
        open_ = SyncJobRow.state.in_(PENDING)
        with self.container.database.transaction() as session:
            return session.scalar(select(func.count()).where(open_)) or 0

    def wait(self) -> None:
        """Wait until everything is synced."""
        eventually(lambda: expect("pending jobs", self.in_hand(), 0), seconds=TIMEOUT_SECONDS)

    def registered(self, firm: Firm) -> dict[int, float]:
        """Return when each invoice arrived in the ledger, by its number."""
        lines = [
            line for voucher in firm.records("vouchers") for line in voucher["lines"] if line["account"] == 1500
        ]
        return {int(line["invoice"]): datetime.fromisoformat(line["registered"]).timestamp() for line in lines}

    def parts(self) -> dict[str, Part]:
        """Measure our processes."""
        found = {}
        for child in psutil.Process().children():
            words = " ".join(child.cmdline())
            if name := next((name for name, mark in PARTS.items() if mark in words), ""):
                family = [_looked_at(each) for each in (child, *child.children(recursive=True))]
                memory = {pid: size for each in family for pid, size in each.memory.items()}
                found[name] = Part(sum(each.cpu for each in family), memory)
        return found

    def cpu(self) -> float:
        """Return the CPU seconds of all our processes so far."""
        return sum(part.cpu for part in self.parts().values())


def _looked_at(process: psutil.Process) -> Part:
    """Measure a process; one that has just ended, as PostgreSQL's own may, has no figures."""
    try:
        times = process.cpu_times()
        return Part(sum(times) - times.iowait, {process.pid: process.memory_full_info().uss})
    except psutil.NoSuchProcess:
        return Part(0, {})


def notifications(webhook_url: str, records: Sequence[Record], *, kind: str = "invoice") -> list[Request]:
    """Make the webhooks that Moment sends."""
    path = "/" + webhook_url.split("/", 3)[3]
    bodies = [{"event": "CREATE_NEW", kind: {"id": record["id"]}} for record in records]
    return [Request("POST", path, json.dumps(body).encode()) for body in bodies]


@contextmanager
def bench_system(**settings: str) -> Iterator[BenchSystem]:
    """Run a system for one row, with these settings; its log is ``var/bench/log``."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as state, LOG.open("a") as log:

        def log_line(name: str, line: str) -> None:
            log.write(f"{name:<8} | {line}\n")

        with running_system(
            Path(state), settings=UNLIMITED | settings, log=log_line, stack_class=BenchStack
        ) as running:
            yield BenchSystem(running)
