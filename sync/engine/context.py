"""The context in which a flow works on the lease of one connection."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from i18n.messages import Message, msg
from models.admin import job_details
from models.connections.repository import Connection
from models.connections.settings import ConnectionSettings
from models.database import Database
from models.enums import EntityType, Lane, Record, titled
from models.error_codes import PROJECT_TAKEN
from models.inbox import leases, links, questions
from models.inbox.leases import SyncJob
from models.inbox.links import Link, LinkTakenError, Origin
from models.inbox.questions import Candidate
from models.schema.record_summary import RecordSummary
from sync.error_codes.names import NO_CUSTOMER, TAKEN
from sync.errors import DependencyPendingError, RejectedError, SyncError
from sync.ports import Erp, Moment
from sync.records import Customer, Project
from sync.rules.record_numbers import whole_number

ITSELF = msg("the integration")
"""The actor in the audit log for changes that the integration makes by itself."""

NOT_IN_24SEVENOFFICE = msg("It no longer exists in 24SevenOffice.")
NOT_IN_MOMENT = msg("Moment no longer has the record.")
"""Why a link is released."""

LOST_NOTE = "gone"
"""The note of a candidate that the record was linked to and that 24SevenOffice no longer has."""


@dataclass(frozen=True, slots=True)
class SyncContext:
    """The two systems, the links and the lease of one connection; renew the lease before each remote write."""

    connection: Connection
    database: Database
    moment: Moment
    erp: Erp
    clock: Callable[[], datetime]
    renew_lease: Callable[[], None]
    _known: dict[Record, Link | None] = field(default_factory=dict, init=False, repr=False)
    _former: dict[Record, str | None] = field(default_factory=dict, init=False, repr=False)
    _numbered: dict[tuple[EntityType, int], Record] = field(default_factory=dict, init=False, repr=False)
    _names: dict[Record, str] = field(default_factory=dict, init=False, repr=False)
    _search_aliases: list[str] = field(default_factory=list, init=False, repr=False)
    _customers: dict[str, Customer | None] = field(default_factory=dict, init=False, repr=False)
    _summaries: list[RecordSummary] = field(default_factory=list, init=False, repr=False)

    @property
    def settings(self) -> ConnectionSettings:
        return self.connection.settings

    def reading_ahead(self, lane: Lane, records: Sequence[Record]) -> AbstractContextManager[None]:
        """Read ahead the records of a lane and their links, which no other worker changes, for the block."""
        if lane.entity_type is EntityType.EXPENSE or len(records) == 1:
            return nullcontext()
        found = links.find_many(self.database, lane, [record.id for record in records])
        self._known.update({record: found.get(record.id) for record in records})
        if lane.entity_type is EntityType.INVOICE:
            former = links.find_many_former(self.database, lane, [record.id for record in records])
            self._former.update({record: former.get(record.id) for record in records})
            records = [record for record in records if self._known[record] is None]  # a linked one never changes
        return self.moment.reading_ahead(lane.entity_type, [record.id for record in records])

    def link(self, record: Record) -> Link | None:
        """Return a record's link. It is cached, because it does not change during a batch."""
        if record not in self._known:
            found = links.find(self.database, self.connection.id, record)
            if found is None:
                return None
            self._known[record] = found
        return self._known[record]

    def save_link(self, record: Record, *, remote_id: str, fingerprint: str = "") -> None:
        """Link a record, as soon as the other system has it. Raises RejectedError if that is linked already."""
        known = self._known.get(record)
        replaced = known.replaced_number if known and known.remote_id == remote_id else None
        link = Link(remote_id, fingerprint, replaced)
        try:
            self._write(record, link)
        except LinkTakenError as error:
            linked_id = self.moment_id(record.entity_type, remote_id)
            if linked_id is None or self._is_in_moment(Record(record.entity_type, linked_id)):
                raise _taken_error(record, remote_id) from error
            self.release_link(Record(record.entity_type, linked_id), because=NOT_IN_MOMENT)
            self._write(record, link)
        self._known[record] = link

    def save_replaced_number(self, record: Record, link: Link, number: str | None) -> None:
        """Save the number that Moment had before it was sent the link's number; None once Moment shows that."""
        self._known[record] = changed = replace(link, replaced_number=number)
        self._write(record, changed)

    def _write(self, record: Record, link: Link) -> None:
        """Write a link, unless the connection has changed its client since the lease expired unnoticed."""
        links.save(self.database, self.connection.id, record, link, now=self.clock(), origin=self._origin())

    def _origin(self) -> Origin:
        named = {name: getattr(self.settings, name) for name in ("moment_company", "identity_id", "username")}
        return Origin(self.connection.id, named, self.connection.client_number)

    def former_link(self, record: Record) -> str | None:
        """Return what the record was linked to before the connection's links were set aside."""
        if record in self._former:
            return self._former[record]
        return links.find_former(self.database, self.connection.id, record)

    def save_sending(self, jobs: Sequence[SyncJob]) -> None:
        """Save how vouchers are about to be posted: to the ledger or a journal, and how their VAT is sent."""
        leases.save_sending(
            self.database,
            [job.id for job in jobs],
            sent_as=self.settings.posting,
            sent_vat=self.settings.voucher_vat,
        )

    def refuse_taken(self, record: Record, remote_id: str) -> None:
        """Raise :class:`RejectedError` if a 24SevenOffice record is linked to another Moment record."""
        if self.is_taken(record, remote_id):
            raise _taken_error(record, remote_id)

    def is_taken(self, record: Record, remote_id: str) -> bool:
        """Return whether a 24SevenOffice record is linked to another one that still exists in Moment."""
        linked_id = self.moment_id(record.entity_type, remote_id)
        return linked_id not in (None, record.id) and self._is_in_moment(
            Record(record.entity_type, linked_id or "")
        )

    def ask_for_match(
        self, job: SyncJob, candidates: Sequence[Candidate], moment_record: Candidate | None = None
    ) -> None:
        """Ask a person which candidate is the job's record, unless another worker has taken over."""
        self.renew_lease()
        with links.transaction_at_origin(self.database, self._origin()) as session:
            questions.ask(session, job.id, candidates, moment_record=moment_record, now=self.clock())

    def candidate_with_note(self, job: SyncJob, note: str) -> str:
        """Return the number of the candidate with this note, until a person has acted; "" if there is none."""
        candidates = questions.open_candidates(self.database, job.id)
        return next((candidate.number for candidate in candidates if candidate.note == note), "")

    def answers(self, jobs: Sequence[SyncJob]) -> Mapping[int, str]:
        """Return people's answers to the questions about these jobs, by job id."""
        return questions.answers(self.database, [job.id for job in jobs])

    def undone(self, jobs: Sequence[SyncJob]) -> Mapping[int, frozenset[int]]:
        """Return the numbers with which people have undone a match of these jobs' records, by job id."""
        return questions.undone_numbers(self.database, [job.id for job in jobs])

    def set_summary(self, summary: RecordSummary) -> None:
        """Set the summary of the job's record; it replaces an earlier one."""
        self._summaries[:] = [summary]

    def take_summary(self) -> RecordSummary | None:
        """Return the summary set since the last call."""
        return self._summaries.pop() if self._summaries else None

    def party(self, customer_id: str) -> tuple[str, str]:
        """Return name and number of a record's customer, "" if unknown; the name becomes a search term."""
        if not customer_id:
            return "", ""
        record, customer = Record(EntityType.CUSTOMER, customer_id), None
        synced = EntityType.CUSTOMER in self.settings.entity_types
        name = self._names.get(record) or job_details.record_name(self.database, self.connection.id, record)
        if not (name and synced):
            with suppress(SyncError):
                customer = self._customer(customer_id)
        self._names[record] = name = name or (customer.name if customer else "")
        self._search_aliases.append(name)
        if not synced:
            return name, customer.number if customer else ""
        link = self.link(record)
        return name, link.remote_id if link else ""

    def _customer(self, moment_id: str) -> Customer | None:
        """Read a customer from Moment, once for a batch."""
        if moment_id not in self._customers:
            self._customers[moment_id] = self.moment.customer(moment_id)
        return self._customers[moment_id]

    def take_search_aliases(self) -> tuple[str, ...]:
        """Return the search aliases added since the last call."""
        aliases = tuple(self._search_aliases)
        self._search_aliases.clear()
        return aliases

    def links_by_prefix(self, entity_type: EntityType, prefix: str) -> dict[str, tuple[str, Link]]:
        """Return the links whose remote id has this prefix: the Moment id and the link, by remote id."""
        return links.find_by_prefix(self.database, self.connection.id, entity_type, prefix)

    def moment_id(self, entity_type: EntityType, remote_id: str) -> str | None:
        """Return the id of the Moment record that is linked to a 24SevenOffice record."""
        return links.find_moment_id(self.database, self.connection.id, entity_type, remote_id)

    def remove_link(self, record: Record) -> None:
        """Delete a link after its record in Moment was deleted."""
        self._known.pop(record, None)
        with links.transaction_at_origin(self.database, self._origin()) as session:
            links.remove(session, self.connection.id, record)

    def release_link(self, record: Record, *, because: Message) -> None:
        """Release a link: the record is matched again, without answers if Moment no longer has it."""
        known, now = self._known.pop(record, None), self.clock()
        self.renew_lease()
        with links.transaction_at_origin(self.database, self._origin()) as session:
            links.remove_with_reason(
                session, self.connection.id, record, because=because, actor=ITSELF, now=now, known=known
            )
            if because == NOT_IN_MOMENT:
                questions.withdraw(session, self.connection.id, record)

    def is_lost(self, entity_type: EntityType, number: int) -> bool:
        """Return whether it is gone; a project is read by number, as lists cache which numbers are free."""
        if entity_type is EntityType.CUSTOMER:
            return not self.erp.existing_companies([number])
        return self.erp.project(number) is None

    def release_lost(self, record: Record, number: int) -> None:
        """Release the link to a record that 24SevenOffice no longer has, and save its number for a person."""
        self.release_link(record, because=NOT_IN_24SEVENOFFICE)
        job = job_details.find_by_record(self.database, self.connection.id, record)
        if job and record.entity_type is EntityType.CUSTOMER:
            lost = Candidate(
                str(number), job_details.record_name(self.database, self.connection.id, record), note=LOST_NOTE
            )
            with links.transaction_at_origin(self.database, self._origin()) as session:
                questions.ask(session, job.id, [lost], now=self.clock())

    def lost_dependency(self, entity_type: EntityType, number: int | None) -> DependencyPendingError | None:
        """Release the link to a record that 24SevenOffice no longer has; return the dependency to wait for."""
        record = self._numbered.get((entity_type, number or 0))
        if record is None or number is None:
            return None
        if self.moment_id(entity_type, str(number)) == record.id:
            if not self.is_lost(entity_type, number):
                return None
            self.release_lost(record, number)
        return _pending_error(record)

    def customer_number(self, moment_id: str) -> int:
        """Return the number of a Moment customer. Raises DependencyPendingError, and RejectedError without one."""
        if not moment_id:
            raise RejectedError(msg("The customer is missing."), error_code=NO_CUSTOMER)
        return self._number_of(EntityType.CUSTOMER, moment_id, read=self._customer)

    def project_of_costs(self, number: int) -> str | None:
        """Return the project that bears a number's costs. Raises DependencyPendingError until that is certain."""
        if linked := self.moment_id(EntityType.PROJECT, str(number)):
            return linked
        found = self.moment.project_numbered(number)
        if found is None or EntityType.PROJECT not in self.settings.entity_types:
            return found
        record = Record(EntityType.PROJECT, found)
        if self.link(record):  # with another number, perhaps a newer one: the list is minutes old
            project = self.moment.project(found)
            if project is None or project.number.lstrip("0") != str(number):
                return None
            raise _pending_error(record)
        job = job_details.find_by_record(self.database, self.connection.id, record)
        if job and job.error_code in (PROJECT_TAKEN, TAKEN):
            raise _pending_error(record)
        return found

    def project_number(self, moment_id: str) -> int:
        """Return the number of a Moment project. Raises as :meth:`customer_number` does."""
        return self._number_of(EntityType.PROJECT, moment_id, read=self.moment.project)

    def _is_in_moment(self, record: Record) -> bool:
        """Return whether Moment still has a customer or project; any other record counts as there."""
        if record.entity_type is EntityType.CUSTOMER:
            return self.moment.customer(record.id) is not None
        return record.entity_type is not EntityType.PROJECT or self.moment.project(record.id) is not None

    def _number_of(
        self, entity_type: EntityType, moment_id: str, *, read: Callable[[str], Customer | Project | None]
    ) -> int:
        """Return the number from the link, or from Moment's record if the entity type is not synced."""
        if entity_type in self.settings.entity_types:
            linked = Record(entity_type, moment_id)
            number = int(self._remote_id(linked))
            self._numbered[entity_type, number] = linked
            return number
        record = read(moment_id)
        return whole_number(record.number if record else "", entity_type=entity_type)

    def _remote_id(self, record: Record) -> str:
        link = self.link(record)
        if link is None:
            raise _pending_error(record)
        return link.remote_id


def _pending_error(record: Record) -> DependencyPendingError:
    return DependencyPendingError(msg("{record} must sync first.", record=record.name), dependency=record)


def _taken_error(record: Record, remote_id: str) -> RejectedError:
    return RejectedError(
        msg(
            "{record} in 24SevenOffice already belongs to another record in Moment.",
            record=titled(record.entity_type, remote_id),
        ),
        error_code=TAKEN,
    )
