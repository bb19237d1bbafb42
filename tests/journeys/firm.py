"""A company in both systems, and what its users do and see there."""

import itertools
import json
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import requests
from sqlalchemy import update

from local.demo_user import eventually, expect
from local.stack import Stack
from models.admin import job_list
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView
from models.connections.alert_outbox import pending_alerts
from models.connections.settings import ConnectionSettings
from models.enums import PENDING, EntityType, JobState, Lane
from models.inbox import cursors
from models.schema.tables import AlertRow, SyncJobRow
from worker.container import Container, clock
from worker.handlers.diagnostics import check_login

Record = dict[str, Any]

API_KEY, PASSWORD = "journey-key", "journey-password"
FIRST_CLIENT = 101
_clients = itertools.count(FIRST_CLIENT)
TIMEOUT_SECONDS = 60
LOGIN_OPERATIONS = {"Login", "GetIdentitiesWithCredential"}
"""Operations that are called once for each connection while its session lives."""

SALE_ACCOUNTS = ({"accountNumber": 3000, "currentVatPercentage": 25}, {"accountNumber": 3100})


class Firm:
    """A separate company in Moment, and a separate client in 24SevenOffice; :meth:`connect` connects them.

    ``container`` is this process's access to the system, for what people do on the command line. ``beat`` sends a
    task to the workers, as beat does when it is due, and ``company`` is the company's id in Moment.
    """

    def __init__(self, stack: Stack, container: Container, *, beat: Callable[..., None], company: str) -> None:
        self.stack, self.container, self.beat = stack, container, beat
        self.company, self.name, self.address = company, f"Firm {company}", f"firm-{company}@example.com"
        self.client, self.username = next(_clients), f"firm-{company}@24so.example.com"
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = ("apikey", API_KEY)
        for system in ("moment", "twentyfour"):
            self.control(system, "DELETE", "faults")
            self.control(system, "PUT", "latency", {"seconds": 0})
        self.control("twentyfour", "POST", "reset")
        login = {"username": self.username, "password": PASSWORD}
        self.control("twentyfour", "PUT", f"books/{self.client}", {"name": self.name, **login})
        if remembered := container.redis.keys(
            "twentyfour:*"
        ):  # sessions that are over, and passwords once refused
            container.redis.delete(*remembered)
        self.control("moment", "PUT", f"companies/{self.company}", {"name": self.name, "api_key": API_KEY})

    def connect(
        self, *, webhook_types: Iterable[str] = ("customers", "projects", "invoices"), **more: Any
    ) -> None:
        """Add the connection, and enter the address of the webhook in Moment for these types."""
        settings = ConnectionSettings.model_validate(
            {
                "moment_company": self.company,
                "moment_api_key": API_KEY,
                "username": self.username,
                "password": PASSWORD,
                "error_emails": (self.address,),
                "language": "en",
                **more,
            }
        )
        settings = settings.model_copy(update={"identity_id": check_login(self.container, settings).id})
        self.connection, token = self.container.connections.add(self.name, settings, actor="test", now=clock())
        self.webhook_url = f"{self.stack.addresses['web']}/webhooks/moment/{token}"
        self.control("moment", "PUT", f"webhooks/{self.company}", dict.fromkeys(webhook_types, self.webhook_url))
        self.control("twentyfour", "DELETE", "calls")

    def leave(self) -> None:
        """Leave the system as it was for other journeys."""
        self.container.connections.pause(self.connection.id, "The journey is over.", now=clock())
        self._session.close()

    def control(self, system: str, method: str, path: str, body: object = None) -> Any:
        """Call the control API of a system's sandbox, and return the response."""
        answer = self._session.request(method, f"{self.stack.addresses[system]}/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json(parse_float=Decimal) if answer.content else None

    def add_fault(self, system: str, operation: str, kind: str, **more: object) -> None:
        self.control(system, "POST", "faults", {"operation": operation, "kind": kind, **more})

    def outlast_faults(self, system: str) -> None:
        """Wait until all faults have happened, and make the next attempt due at once."""

        def holds() -> None:
            expect("pending faults", self.control(system, "GET", "faults")["pending"], [])
            expect("pending records", self.running_records(), [])

        eventually(holds)
        self.skip_time(timedelta(minutes=2))

    def calls(self) -> Record:
        """Return the calls to 24SevenOffice since the connection was added."""
        return dict(self.control("twentyfour", "GET", "calls"))

    def enter(self, resource: str, **values: object) -> Record:
        """Enter a record in Moment."""
        return dict(self.control("moment", "POST", self._api(resource), values))

    def delete(self, resource: str, record_id: int) -> None:
        """Delete a record in Moment."""
        self.control("moment", "DELETE", f"{self._api(resource)}/{record_id}")

    def moment(self, resource: str) -> list[Record]:
        """Return the records of a resource in Moment."""
        return list(self.control("moment", "GET", f"books/{self.company}/{resource}"))

    def project(self) -> Record:
        """Enter a project in Moment with its own customer, and the accounts for sales."""
        if not self.moment("financialAccounts"):
            for account in SALE_ACCOUNTS:
                self.enter("financialAccounts", **account)
        customer = self.enter("customers", name=f"Nordlys {self.company}-{len(self.moment('customers')) + 1} AS")
        return self.enter("projects", name="Kulturhuset", customerId=customer["id"])

    def invoice(self, project: Record, *, price: str = "1000.00", **more: object) -> Record:
        """Write an invoice in Moment and finalize it."""
        return self.finalize(self.draft(project, price=price, **more))

    def draft(self, project: Record, *, price: str = "1000.00", **more: object) -> Record:
        """Write an invoice in Moment."""
        account = self.moment("financialAccounts")[0]["id"]
        line = {"description": "Work", "financialAccountId": account, "quantity": 1, "unitPrice": price}
        parties = {"customerId": project["customerId"], "projectId": project["id"]}
        return self.enter("invoices", **parties, invoiceLines=[line], **more)

    def finalize(self, draft: Record) -> Record:
        """Finalize an invoice in Moment."""
        path = f"companies/{self.company}/invoices/{draft['id']}/finalize"
        return dict(self.control("moment", "POST", path))

    def notify(self, invoice: Record) -> int:
        """Send an invoice's webhook; return the status of the response."""
        return self.post(json.dumps({"event": "CREATE_NEW", "invoice": {"id": invoice["id"]}}).encode())

    def post(self, body: bytes) -> int:
        """Send some bytes to the webhook."""
        headers = {"Content-Type": "application/json"}
        return self._session.post(self.webhook_url, body, headers=headers, timeout=30).status_code

    def poll(self) -> None:
        """Poll Moment, and wait until all types have been polled."""
        self.poll_types(self.connection.settings.entity_types - {EntityType.EXPENSE}, task="poll_moment")

    def poll_types(self, entity_types: Iterable[EntityType], *, task: str) -> None:
        """Run a poll task, and wait until a poll is over that began after now.

        A poll of beat that began earlier may end later and set the cursor back to its beginning; then this polls
        again.
        """
        database, lanes = (
            self.container.database,
            [Lane(self.connection.id, entity_type) for entity_type in entity_types],
        )
        for lane in lanes:
            cursors.start(
                database, lane, at=clock()
            )  # the very first poll would move it before it has read anything
        began, deadline = clock(), time.monotonic() + TIMEOUT_SECONDS

        def unpolled() -> list[Lane]:
            return [lane for lane in lanes if (cursors.position(database, lane) or began) < began]

        while unpolled():
            assert time.monotonic() < deadline, "It was not polled."
            self.beat(task, self.connection.id)
            soon = time.monotonic() + 5
            while unpolled() and time.monotonic() < soon:
                time.sleep(0.05)

    def restart_dead_processes(self) -> None:
        """Restart the processes that have ended, as the supervisor does."""
        for part in self.stack.parts.values():
            if not part.alive:
                part.start()

    def records(self, resource: str) -> list[Record]:
        """Return the records of a resource in 24SevenOffice."""
        return list(self.control("twentyfour", "GET", f"books/{self.client}/{resource}"))

    def mails(self) -> list[Record]:
        """Return the mails to the firm."""
        return [mail for mail in self.control("mail", "GET", "mails") if mail["to"] == [self.address]]

    def expect_mails(self, count: int) -> list[Record]:
        """Wait until the firm has had ``count`` mails and no alert is pending; return the mails."""

        def holds() -> None:
            expect("mails", len(self.mails()), count)
            expect(
                "pending alerts",
                [alert.message for alert in pending_alerts(self.container.database, self.address)],
                [],
            )

        eventually(holds)
        return self.mails()

    def skip_time(self, wait: timedelta) -> None:
        """Move the due times of jobs and alerts forward, so that a test need not wait."""
        own = {table: table.connection_id == self.connection.id for table in (AlertRow, SyncJobRow)}
        ended, due = AlertRow.ended_at - wait, SyncJobRow.due_at - wait
        with self.container.database.transaction() as session:
            session.execute(update(AlertRow).where(own[AlertRow]).values(ended_at=ended))
            session.execute(update(SyncJobRow).where(own[SyncJobRow]).values(due_at=due))

    def pending_jobs(self) -> list[str]:
        """Return the jobs that are running or due within ten minutes."""
        soon = clock() + timedelta(minutes=10)
        views = self._jobs(*PENDING)
        return [
            f"{view.record.entity_type} {view.record.id} {view.state}: {view.message}"
            for view in views
            if view.due_at is None or view.due_at < soon
        ]

    def running_records(self) -> list[str]:
        """Return the records that a worker is running."""
        return [view.record.id for view in self._jobs(JobState.RUNNING)]

    def expect_vouchers(self, invoices: Iterable[Record], *, on_check: Callable[[], None] = lambda: None) -> None:
        """Wait until nothing is pending and the ledger has each of the invoices, once and exact to the øre.

        ``on_check`` is called at each check.
        """
        expected = sorted((each["invoiceNumber"], str(each["totalAmountInclVat"])) for each in invoices)

        def holds() -> None:
            on_check()
            expect("pending jobs", self.pending_jobs(), [])
            expect("vouchers", self.vouchers(), expected)

        eventually(holds)

    def vouchers(self) -> list[tuple[int, str]]:
        """Return the invoices in the ledger: number, and what the customer owes, in kroner."""
        lines = [line for voucher in self.records("vouchers") for line in voucher["lines"]]
        return sorted((int(each["invoice"]), each["amount"]) for each in lines if each["account"] == 1500)

    def _jobs(self, *states: JobState) -> Iterable[JobView]:
        """Return the jobs at one moment: a job that changes its state is neither missed nor returned twice."""
        job_filter = JobFilter(connection_id=self.connection.id, states=frozenset(states))
        return job_list.latest(self.container.database, job_filter, limit=1000)

    def _api(self, resource: str) -> str:
        return f"api/1.0/companies/{self.company}/{resource}"
