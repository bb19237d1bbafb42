"""A second ERP is one package: a read-only one works with the unchanged polls, flows and diagnostics."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from models.admin import job_details
from models.admin.job_list import JobView
from models.connections.repository import Connection, Connections
from models.database import Database
from models.enums import EntityType, JobState, Lane, Outcome, Record
from models.inbox import due, links
from models.inbox.enqueue import enqueue
from models.inbox.links import Link
from sync.diagnostics.findings import CheckStatus, Target
from sync.diagnostics.run_checks import run_checks
from sync.engine.context import SyncContext
from sync.polling.polls import poll_expenses
from sync.ports import Erp, InspectableErp
from sync.runner import Runner
from tests.factories import NOW, customer, invoice, project, settings
from tests.fakes import QuietInstrumentation
from tests.integrations.ledger_file import LedgerFile
from tests.sync.inspectable_fakes import OpenFakeMoment

ACCOUNTS = "account,vat,rate\n1500,,\n2400,,\n2711,,\n3000,3,25\n3100,5,0\n4300,1,25\n"
COLUMNS = "year,type,number,date,changed,account,amount,vat,project,customer,name,organization_number,invoice,text"
LEDGER = f"""{COLUMNS}
2026,4,40001,2026-02-20,2026-03-02T08:55:00+00:00,4300,1000.00,1,1,,,,F-77,Gips
2026,4,40001,2026-02-20,2026-03-02T08:55:00+00:00,2711,250.00,1,,,,,F-77,
2026,4,40001,2026-02-20,2026-03-02T08:55:00+00:00,2400,-1250.00,,,20001,Byggmakker AS,,F-77,
2026,1,1,2026-03-02,2026-03-02T08:50:00+00:00,1500,1250.00,,1,10001,Nordlys Arkitekter AS,923609016,1,
2026,1,1,2026-03-02,2026-03-02T08:50:00+00:00,3000,-1250.00,3,1,10001,Nordlys Arkitekter AS,923609016,1,
"""


@dataclass
class Reader:
    """A connection whose ERP is the file."""

    database: Database
    connections: Connections
    connection: Connection
    moment: OpenFakeMoment
    erp: LedgerFile

    def open_context(self, connection: Connection, renew_lease: Callable[[], None]) -> SyncContext:
        erp: Erp = self.erp  # as mypy sees it
        return SyncContext(connection, self.database, self.moment, erp, lambda: NOW, renew_lease)

    def poll(self) -> int:
        lane, known = Lane(self.connection.id, EntityType.EXPENSE), self.connection.settings
        return poll_expenses(self.database, self.erp, lane, settings=known, now=NOW)

    def receive(self, entity_type: EntityType, record_id: str) -> None:
        enqueue(self.database, self.connection.id, [Record(entity_type, record_id)], now=NOW)

    def link(self, entity_type: EntityType, record_id: str, remote_id: str) -> None:
        links.save(self.database, self.connection.id, Record(entity_type, record_id), Link(remote_id), now=NOW)

    def run(self) -> None:
        runner = Runner(
            database=self.database,
            connections=self.connections,
            open_context=self.open_context,
            clock=lambda: NOW,
            monotonic=lambda: 0,
            random=lambda: 0.5,
            sleep=lambda _: None,
            lease_ttl=timedelta(minutes=3),
            instrumentation=QuietInstrumentation(),
        )
        for lane in due.lanes(self.database, now=NOW):
            runner.drain(lane)

    def change(self, entity_type: EntityType, record_id: str) -> JobView:
        found = job_details.find_by_record(self.database, self.connection.id, Record(entity_type, record_id))
        assert found is not None
        return found


@pytest.fixture
def reader(database: Database, connections: Connections, tmp_path: Path) -> Reader:
    (tmp_path / "accounts.csv").write_text(ACCOUNTS)
    (tmp_path / "Demo AS.csv").write_text(LEDGER)
    known = settings(entity_types=tuple(EntityType), expense_accounts="4300", receivables_account=1500)
    connection, _ = connections.add("Demo AS", known, actor="test", now=NOW)
    moment = OpenFakeMoment(customer(number="10001"), project(), invoice(number=1))
    return Reader(database, connections, connection, moment, LedgerFile(tmp_path / "Demo AS.csv"))


def test_its_costs_become_expenses_once(reader: Reader) -> None:
    assert reader.poll() == 1
    reader.run()
    [draft] = reader.moment.expenses.values()
    assert (draft.amount, draft.supplier, draft.invoice_number) == (125000, "Byggmakker AS", "F-77")
    assert reader.poll() == 1
    reader.run()
    assert len(reader.moment.expenses) == 1
    assert reader.change(EntityType.EXPENSE, "2026-4-40001").outcome is Outcome.UNCHANGED


def found(reader: Reader, verdict: CheckStatus) -> list[str]:
    erp: InspectableErp = reader.erp  # as mypy sees it
    report = run_checks(Target(reader.connection.settings, moment=reader.moment, erp=erp, now=NOW))
    return [each.message for each in report.findings if each.status is verdict]


def test_the_doctor_checks_it(reader: Reader) -> None:
    assert found(reader, CheckStatus.BAD) == []
    good = "\n".join(found(reader, CheckStatus.GOOD))
    assert "Signed in to 24SevenOffice (The file" in good
    assert "both get number 2" in good
    assert "The latest cost vouchers are complete: 2026-4-40001." in good


def test_the_doctor_names_what_its_ledger_lacks(reader: Reader) -> None:
    reader.connection = reader.connections.update(
        reader.connection.id, {"receivables_account": 1510}, actor="test", now=NOW
    )
    assert found(reader, CheckStatus.BAD) == ["The receivables account 1510 isn't in the chart of accounts."]


def test_an_invoice_that_it_has_is_linked(reader: Reader) -> None:
    reader.link(EntityType.CUSTOMER, "7", "10001")
    reader.link(EntityType.PROJECT, "8", "1")
    reader.receive(EntityType.INVOICE, "9")
    reader.run()
    known = links.find(reader.database, reader.connection.id, Record(EntityType.INVOICE, "9"))
    assert known == Link("2026/1")


def test_writes_are_refused_and_left_to_a_person(reader: Reader) -> None:
    reader.moment.put(customer("17", name="Fjord AS", organization_number="", email=""))
    reader.moment.put(project("18", number="5", customer_id=""))
    reader.moment.put(invoice("19", number=2))
    reader.link(EntityType.CUSTOMER, "7", "10001")
    reader.link(EntityType.PROJECT, "8", "1")
    refused = [(EntityType.CUSTOMER, "17"), (EntityType.PROJECT, "18"), (EntityType.INVOICE, "19")]
    for record in refused:
        reader.receive(*record)
    reader.run()
    views = [reader.change(*record) for record in refused]
    assert [(view.state, view.error_code) for view in views] == [(JobState.NEEDS_ATTENTION, "read_only")] * 3
