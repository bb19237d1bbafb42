"""A second ERP is one folder: one to read only is run by polls, flows and doctor as they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from models import changes, due, inbox, links
from models.links import Link
from models.words import Kind, Lane, Outcome, Record, State
from sync.desk import Desk
from sync.doctor.examining import examine
from sync.doctor.findings import Patient, Verdict
from sync.polling import poll_expenses
from sync.runner import Runner
from tests.factories import NOW, customer, invoice, project, settings
from tests.integrations.ledger_file import LedgerFile
from tests.sync.open_fakes import OpenFakeMoment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from models.base import Database
    from models.connections import Connection, Connections
    from models.listing import ChangeView
    from sync.ports import Erp, OpenErp

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

    def open_desk(self, connection: Connection, hold: Callable[[], None]) -> Desk:
        erp: Erp = self.erp  # as mypy sees it
        return Desk(connection, self.database, self.moment, erp, lambda: NOW, hold)

    def poll(self) -> int:
        lane, known = Lane(self.connection.id, Kind.EXPENSE), self.connection.settings
        return poll_expenses(self.database, self.erp, lane, settings=known, now=NOW)

    def receive(self, kind: Kind, record_id: str) -> None:
        inbox.receive(self.database, self.connection.id, [Record(kind, record_id)], now=NOW)

    def link(self, kind: Kind, record_id: str, remote_id: str) -> None:
        links.save(self.database, self.connection.id, Record(kind, record_id), Link(remote_id), now=NOW)

    def run(self) -> None:
        runner = Runner(
            database=self.database,
            connections=self.connections,
            open_desk=self.open_desk,
            clock=lambda: NOW,
            ticks=lambda: 0,
            dice=lambda: 0.5,
            claim_for=timedelta(minutes=3),
        )
        for lane in due.lanes(self.database, now=NOW):
            runner.drain(lane)

    def change(self, kind: Kind, record_id: str) -> ChangeView:
        found = changes.find(self.database, self.connection.id, Record(kind, record_id))
        assert found is not None
        return found


@pytest.fixture
def reader(database: Database, connections: Connections, tmp_path: Path) -> Reader:
    (tmp_path / "accounts.csv").write_text(ACCOUNTS)
    (tmp_path / "Demo AS.csv").write_text(LEDGER)
    known = settings(kinds=tuple(Kind), expense_accounts="4300", receivables_account=1500)
    connection, _ = connections.add("Demo AS", known, who="test", now=NOW)
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
    assert reader.change(Kind.EXPENSE, "2026-4-40001").outcome is Outcome.UNCHANGED


def found(reader: Reader, verdict: Verdict) -> list[str]:
    erp: OpenErp = reader.erp  # as mypy sees it
    report = examine(Patient(reader.connection.settings, moment=reader.moment, erp=erp, now=NOW))
    return [each.what for each in report.findings if each.verdict is verdict]


def test_the_doctor_looks_it_over(reader: Reader) -> None:
    assert found(reader, Verdict.BAD) == []
    good = "\n".join(found(reader, Verdict.GOOD))
    assert "leads to The file" in good
    assert "both get number 2" in good
    assert "The latest vouchers with costs are whole: 2026-4-40001." in good


def test_the_doctor_names_what_its_books_lack(reader: Reader) -> None:
    reader.connection = reader.connections.change(
        reader.connection.id, {"receivables_account": 1510}, who="test", now=NOW
    )
    assert found(reader, Verdict.BAD) == ["The receivables account 1510 is not in the chart of accounts."]


def test_an_invoice_that_it_holds_is_linked(reader: Reader) -> None:
    reader.link(Kind.CUSTOMER, "7", "10001")
    reader.link(Kind.PROJECT, "8", "1")
    reader.receive(Kind.INVOICE, "9")
    reader.run()
    known = links.find(reader.database, reader.connection.id, Record(Kind.INVOICE, "9"))
    assert known == Link("2026/1")


def test_what_would_be_written_is_refused_and_left_to_a_person(reader: Reader) -> None:
    reader.moment.put(customer("17", name="Fjord AS", organization_number="", email=""))
    reader.moment.put(project("18", number="5", customer_id=""))
    reader.moment.put(invoice("19", number=2))
    reader.link(Kind.CUSTOMER, "7", "10001")
    reader.link(Kind.PROJECT, "8", "1")
    refused = [(Kind.CUSTOMER, "17"), (Kind.PROJECT, "18"), (Kind.INVOICE, "19")]
    for record in refused:
        reader.receive(*record)
    reader.run()
    views = [reader.change(*record) for record in refused]
    assert [(view.state, view.reason) for view in views] == [(State.STUCK, "read_only")] * 3
