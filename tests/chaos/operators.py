"""The operators of the integration on a chaotic day: they see what is pending, and retry what needs attention."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

import models.admin.job_actions
from models.admin import job_details, job_list, match_questions
from models.admin.job_actions import RESOLVED_MANUALLY
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView
from models.connections import alert_outbox
from models.connections.alert_outbox import AlertType
from models.connections.settings import ConnectionSettings
from models.enums import PENDING, EntityType, JobState, Lane
from models.error_codes import UNSEEN_DRAFT
from models.inbox import cursors
from models.schema.tables import AlertRow
from tests.chaos.company import Record, RemoteSystems
from tests.chaos.crashes import CUTS
from tests.chaos.user_changes import ACTOR, DISMISSED, POSTING, RELINKED, TYPES_OFF
from worker.container import Container, clock
from worker.handlers.diagnostics import check_login

ADDRESS = "chaos@example.com"
MAX_JOBS = 10_000
SOON = timedelta(minutes=10)
VANISHED = ("killed: worker", "killed: redis", *(cut.title for cut in CUTS))
EXPLAINED_BY = {
    "refused": ("refuse", "save_then_refuse"),
    "worker_crashes": VANISHED,
    UNSEEN_DRAFT: (POSTING,),
    "dependency_dismissed": (DISMISSED,),
    "customer_number": (f"{TYPES_OFF}{EntityType.CUSTOMER}",),
    "project_number": (f"{TYPES_OFF}{EntityType.PROJECT}",),
    **dict.fromkeys(match_questions.ERROR_CODES, tuple(f"{RELINKED}: {each}" for each in EntityType)),
}
"""Error codes for which a person may be asked, with the faults that justify each."""


class Operators:
    """The operators' view of the integration; raises DatabaseUnavailableError while the database is down.

    Operators look into ``remotes`` before they decide. ``needless_questions`` has those that no fault explains.
    """

    def __init__(self, container: Container, remotes: RemoteSystems) -> None:
        self._container, self._database, self._remotes = container, container.database, remotes
        self._asked: set[int] = set()
        self.needless_questions: list[str] = []

    def connect(self, **settings: object) -> str:
        """Add the connection, and return the address of its webhook."""
        values = {"entity_types": tuple(EntityType), "error_emails": (ADDRESS,), "language": "en", **settings}
        valid = ConnectionSettings.model_validate(values)
        valid = valid.model_copy(update={"identity_id": check_login(self._container, valid).id})
        self._connection, token = self._container.connections.add("Kaos AS", valid, actor="chaos", now=clock())
        return f"{self._container.settings.public_url}/webhooks/moment/{token}"

    def unfinished(self) -> list[str]:
        """Return the jobs and mails that are still pending."""
        views = self._jobs(*PENDING)
        in_hand = [
            f"{view.title} is {view.state}: {view.message}"
            for view in views
            if view.due_at is None or view.due_at < clock() + SOON
        ]
        return in_hand + [
            f"not mailed yet: {alert.message}" for alert in alert_outbox.pending_alerts(self._database, ADDRESS)
        ]

    def unpolled(self, since: datetime) -> list[str]:
        """Return the entity types that have not been polled since an instant."""
        return [f"no poll of {lane.entity_type}s" for lane in self._lanes() if not self._polled(lane, since)]

    def needs_attention(self) -> Sequence[JobView]:
        """Return the jobs that need attention."""
        return self._jobs(JobState.NEEDS_ATTENTION)

    def alerts_by_record(self) -> Iterator[tuple[JobView, list[AlertType]]]:
        """Yield each record that has alerts, with their types in order."""
        told = defaultdict(list)
        with self._database.transaction() as session:
            for alert in session.scalars(select(AlertRow).order_by(AlertRow.id)):
                told[alert.job_id].append(AlertType(alert.type))
        for job_id, turns in told.items():
            if job_id and (view := job_details.find(self._database, job_id)):
                yield view, turns

    def retry_what_needs_attention(self, refused: set[str], happened: Callable[[], Counter[str]]) -> None:
        """Retry each job that needs attention once, except those of records that are meant to be refused."""
        new = [
            view for view in self.needs_attention() if view.record.id not in refused and view.id not in self._asked
        ]
        if new:
            self._asked |= {view.id for view in new}
            self.needless_questions += _unexplained(new, happened())
            for view in new:
                self._act_on(view)
        if because := self._container.connections.get(self._connection.id).paused_because:
            self.needless_questions.append(f"the connection was paused: {because}")
            self._container.connections.resume(
                self._connection.id, actor="chaos", now=clock(), despite_failed_test=True
            )

    def _act_on(self, view: JobView) -> None:
        """Do what the alert says: look for a draft, answer which record it is, or retry."""
        only, now = JobFilter(ids=frozenset({view.id})), self._container.clock()
        if view.error_code == UNSEEN_DRAFT and self._is_booked(view):
            models.admin.job_actions.dismiss(self._database, only, because=RESOLVED_MANUALLY, actor=ACTOR, now=now)
        elif view.error_code in match_questions.ERROR_CODES:
            match_questions.answer(self._database, view.id, self._number(view), actor=ACTOR, now=now)
        else:
            models.admin.job_actions.retry(self._database, only, actor=ACTOR, now=now)

    def _is_booked(self, view: JobView) -> bool:
        """Return whether the voucher of an invoice is in the ledger or in a journal."""
        number = next(str(each["invoiceNumber"]) for each in self._records("invoices", view))
        return any(each["lines"][0]["invoice"] == number for each in self._remotes.records("vouchers"))

    def _number(self, view: JobView) -> str:
        """Return the number that a customer or project has always had."""
        name = f"{view.record.entity_type}Number"
        return next(str(each[name]) for each in self._records(f"{view.record.entity_type}s", view))

    def _records(self, resource: str, view: JobView) -> Iterator[Record]:
        return (each for each in self._remotes.moment(resource) if str(each["id"]) == view.record.id)

    @property
    def connection_id(self) -> int:
        """The id of the connection; :meth:`connect` adds it."""
        return self._connection.id

    def clock_alerts(self) -> int:
        """Count the alerts about clocks."""
        with self._database.transaction() as session:
            return len(session.scalars(select(AlertRow).where(AlertRow.type == AlertType.CLOCK)).all())

    def connection_alerts(self) -> list[AlertType]:
        """Return the types of the alerts about the connection in order, except those about clocks."""
        with self._database.transaction() as session:
            of_none = AlertRow.job_id.is_(None), AlertRow.type != AlertType.CLOCK
            alerts = session.scalars(select(AlertRow).where(*of_none).order_by(AlertRow.id))
            return [AlertType(alert.type) for alert in alerts]

    def poll_again(self, *, since: datetime) -> None:
        """Make the integration poll for everything since an instant again."""
        for lane in self._lanes():
            cursors.move(self._database, lane, to=since)

    def _jobs(self, *states: JobState) -> Sequence[JobView]:
        """Return the jobs at one moment: a job that changes its state is neither missed nor returned twice."""
        return job_list.latest(self._database, JobFilter(states=frozenset(states)), limit=MAX_JOBS)

    def _lanes(self) -> list[Lane]:
        return [Lane(self._connection.id, entity_type) for entity_type in EntityType]

    def _polled(self, lane: Lane, since: datetime) -> bool:
        position = cursors.position(self._database, lane)
        return position is not None and position > since


def _unexplained(asked: Sequence[JobView], troubles: Counter[str]) -> list[str]:
    return [
        f"a person was asked about {view.title}: {view.error_code}: {view.message}"
        for view in asked
        if not any(troubles[each] for each in EXPLAINED_BY.get(view.error_code, ()))
    ]
