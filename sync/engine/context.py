"""What a flow has at hand while it works on one connection's lease."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from i18n.messages import Message, msg
from models.admin import job_actions, match_questions
from models.admin.match_questions import Candidate
from models.connections.repository import Connection
from models.connections.settings import ConnectionSettings
from models.database import Database
from models.enums import EntityType, Lane, Record, titled
from models.inbox import leases, links
from models.inbox.leases import SyncJob
from models.inbox.links import Link, LinkTakenError, Origin
from models.schema.record_summary import RecordSummary
from sync.errors import DependencyPendingError, RejectedError, SyncError
from sync.ports import Erp, Moment
from sync.records import Customer, Project

MAX_INT32 = 2**31 - 1

ITSELF = msg("the integration")
"""Who did what no person did, in the audit log."""

LOST = msg("It no longer exists in 24SevenOffice.")
GONE_THERE = "gone"
"""Notes with a candidate that 24SevenOffice had this one and does not have it any more."""

GONE = msg("Moment no longer has the record.")


@dataclass(frozen=True, slots=True)
class SyncContext:
    """One connection's two systems, its links, and the hold on the lease.

    ``renew_lease`` is called before each remote write; it raises ``LeaseLostError`` where another worker has taken
    over.
    """

    connection: Connection
    database: Database
    moment: Moment
    erp: Erp
    clock: Callable[[], datetime]
    renew_lease: Callable[[], None]
    _known: dict[Record, Link | None] = field(default_factory=dict, init=False, repr=False)
    _numbered: dict[tuple[EntityType, int], Record] = field(default_factory=dict, init=False, repr=False)
    _names: dict[Record, str] = field(default_factory=dict, init=False, repr=False)
    _search_aliases: list[str] = field(default_factory=list, init=False, repr=False)
    _customers: dict[str, Customer | None] = field(default_factory=dict, init=False, repr=False)
    _summaries: list[RecordSummary] = field(default_factory=list, init=False, repr=False)

    @property
    def settings(self) -> ConnectionSettings:
        return self.connection.settings

    def reading_ahead(self, lane: Lane, records: Sequence[Record]) -> AbstractContextManager[None]:
        """Read a lane's records in Moment ahead that are looked at one by one inside the block, and their links.

        Of a lane's records nobody else makes links while it is leased. One alone gains nothing by it.
        """
        if lane.entity_type is EntityType.EXPENSE or len(records) == 1:
            return nullcontext()
        found = links.find_many(self.database, lane, [record.id for record in records])
        self._known.update({record: found.get(record.id) for record in records})
        ids = [record.id for record in records if self._is_read_from_moment(record)]
        return self.moment.reading_ahead(lane.entity_type, ids)

    def link(self, record: Record) -> Link | None:
        """Find what a record is linked to; what was found is remembered, as it stays so for a batch."""
        if record not in self._known:
            found = links.find(self.database, self.connection.id, record)
            if found is None:
                return None
            self._known[record] = found
        return self._known[record]

    def save_link(self, record: Record, *, remote_id: str, fingerprint: str = "") -> None:
        """Link a record; to be done as soon as the other system has it.

        Raises :class:`RejectedError` where taken.
        """
        known = self._known.get(record)
        replaced = known.replaced_number if known and known.remote_id == remote_id else None
        link = Link(remote_id, fingerprint, replaced)
        try:
            self._write(record, link)
        except LinkTakenError as error:
            holder = self.moment_id(record.entity_type, remote_id)
            if holder is None or self._is_in_moment(Record(record.entity_type, holder)):
                raise _taken(record, remote_id) from error
            self.release_link(Record(record.entity_type, holder), because=GONE)
            self._write(record, link)
        self._known[record] = link

    def note_replaced(self, record: Record, link: Link, number: str | None) -> None:
        """Note which number Moment had when that of a link was returned to it; None once that has been seen."""
        self._known[record] = noted = replace(link, replaced_number=number)
        self._write(record, noted)

    def _write(self, record: Record, link: Link) -> None:
        """Write a link, unless the connection leads to another client since its lease ended, unnoticed here."""
        links.save(self.database, self.connection.id, record, link, now=self.clock(), origin=self._origin())

    def _origin(self) -> Origin:
        named = {name: getattr(self.settings, name) for name in ("moment_company", "identity_id", "username")}
        return Origin(self.connection.id, named, self.connection.client_number)

    def former_link(self, record: Record) -> str | None:
        """Find what a record was linked to before the connection's links were set aside."""
        return links.former(self.database, self.connection.id, record)

    def note_sending(self, jobs: Sequence[SyncJob]) -> None:
        """Note how the vouchers of jobs are about to be posted: in the ledger or a journal, and their VAT."""
        leases.note_sending(
            self.database,
            [job.id for job in jobs],
            sent_as=self.settings.posting,
            sent_vat=self.settings.voucher_vat,
        )

    def refuse_taken(self, record: Record, remote_id: str) -> None:
        """Raise :class:`RejectedError` where a record of 24SevenOffice is linked to another one of Moment's."""
        if self.is_taken(record, remote_id):
            raise _taken(record, remote_id)

    def is_taken(self, record: Record, remote_id: str) -> bool:
        """Return whether a record of 24SevenOffice is linked to another one that Moment still has."""
        holder = self.moment_id(record.entity_type, remote_id)
        return holder not in (None, record.id) and self._is_in_moment(Record(record.entity_type, holder or ""))

    def ask_for_match(
        self, job: SyncJob, candidates: Sequence[Candidate], moment_record: Candidate | None = None
    ) -> None:
        """Ask a person which of these the record of a job is; whoever calls tells them so by an error.

        A worker that has taken over asks by itself, and may have been answered.
        """
        self.renew_lease()
        with links.noting(self.database, self._origin()) as session:
            match_questions.ask(session, job.id, candidates, moment_record=moment_record, now=self.clock())

    def noted(self, job: SyncJob, note: str) -> str:
        """Return the number for which this was noted as long as no person has acted; "" where of none."""
        asked = match_questions.unanswered(self.database, job.id)
        return next((each.number for each in asked if each.note == note), "")

    def answers(self, jobs: Sequence[SyncJob]) -> Mapping[int, str]:
        """Return what persons answered about those jobs of which something was asked, by the job's id."""
        return match_questions.answers(self.database, [job.id for job in jobs])

    def undone(self, jobs: Sequence[SyncJob]) -> Mapping[int, frozenset[int]]:
        """Return the numbers that persons have said these jobs' records are not, after all, by the job's id."""
        return match_questions.undone(self.database, [job.id for job in jobs])

    def note_summary(self, summary: RecordSummary) -> None:
        """Note what the record of the job is known by, in place of what was noted before."""
        self._summaries[:] = [summary]

    def take_summary(self) -> RecordSummary | None:
        """Return what has been noted since this was asked last."""
        return self._summaries.pop() if self._summaries else None

    def party(self, customer_id: str) -> tuple[str, str]:
        """Return name and customer number of a record's customer, each "" where it is not known.

        The job is found by the name too. Moment is asked where no job tells them. A customer who cannot be read is
        no reason to hold the record up.
        """
        if not customer_id:
            return "", ""
        record, customer = Record(EntityType.CUSTOMER, customer_id), None
        synced = EntityType.CUSTOMER in self.settings.entity_types
        name = self._names.get(record) or job_actions.record_name(self.database, self.connection.id, record)
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
        """Read a customer of Moment's, once for a batch."""
        if moment_id not in self._customers:
            self._customers[moment_id] = self.moment.customer(moment_id)
        return self._customers[moment_id]

    def take_search_aliases(self) -> tuple[str, ...]:
        """Return what has been added since this was asked last."""
        aliases = tuple(self._search_aliases)
        self._search_aliases.clear()
        return aliases

    def links_by_prefix(self, entity_type: EntityType, prefix: str) -> dict[str, tuple[str, Link]]:
        """Find links by how the other side's name starts: the Moment id and the link by that name."""
        return links.find_by_prefix(self.database, self.connection.id, entity_type, prefix)

    def moment_id(self, entity_type: EntityType, remote_id: str) -> str | None:
        """Find which Moment record is linked to a record of 24SevenOffice."""
        return links.moment_id(self.database, self.connection.id, entity_type, remote_id)

    def remove_link(self, record: Record) -> None:
        """Take a link away, after what it led to was taken away."""
        self._known.pop(record, None)
        with links.noting(self.database, self._origin()) as session:
            links.remove(session, self.connection.id, record)

    def release_link(self, record: Record, *, because: Message) -> None:
        """End a link that does not hold any more: the record is identified anew, and what needs it waits.

        What a person said of one that Moment has lost was said of one that it had.
        """
        known, now = self._known.pop(record, None), self.clock()
        self.renew_lease()
        with links.noting(self.database, self._origin()) as session:
            links.release(session, self.connection.id, record, because=because, actor=ITSELF, now=now, known=known)
            if because == GONE:
                match_questions.withdraw(session, self.connection.id, record)

    def is_lost(self, entity_type: EntityType, number: int) -> bool:
        """Return whether 24SevenOffice does not have a customer or project any more.

        A project is read by itself: of those looked for together, it is remembered for a while which are free.
        """
        if entity_type is EntityType.CUSTOMER:
            return not self.erp.existing_companies([number])
        return self.erp.project(number) is None

    def release_lost(self, record: Record, number: int) -> None:
        """End the link to what 24SevenOffice does not have any more, and note that for the one who is asked."""
        self.release_link(record, because=LOST)
        job = job_actions.find(self.database, self.connection.id, record)
        if job and record.entity_type is EntityType.CUSTOMER:
            lost = Candidate(
                str(number), job_actions.record_name(self.database, self.connection.id, record), note=GONE_THERE
            )
            with links.noting(self.database, self._origin()) as session:
                match_questions.ask(session, job.id, [lost], now=self.clock())

    def lost_dependency(self, entity_type: EntityType, number: int | None) -> DependencyPendingError | None:
        """Release the link to a customer or project, if that is why 24SevenOffice refused what names it.

        The answer is then what is to be waited for, also where the link has ended since its number was taken.
        """
        record = self._numbered.get((entity_type, number or 0))
        if record is None or number is None:
            return None
        if self.moment_id(entity_type, str(number)) == record.id:
            if not self.is_lost(entity_type, number):
                return None
            self.release_lost(record, number)
        return _pending(record)

    def customer_number(self, moment_id: str) -> int:
        """Return the customer number of a Moment customer.

        Raises:
            DependencyPendingError: the customer has yet to be synced.
            RejectedError: there is no customer, or customers are not synced on this connection and it has no
                number.
        """
        if not moment_id:
            raise RejectedError(
                msg("The customer is missing."), error_code="no_customer", remedy=msg("Add a customer in Moment.")
            )
        return self._number_of(EntityType.CUSTOMER, moment_id, read=self._customer)

    def project_of_costs(self, number: int) -> str | None:
        """Return the Moment project whose costs are those on a project number, None where there is none.

        Raises :class:`DependencyPendingError` while it is not clear that the number is that project's.
        """
        if linked := self.moment_id(EntityType.PROJECT, str(number)):
            return linked
        found = self.moment.project_numbered(number)
        if found is None or EntityType.PROJECT not in self.settings.entity_types:
            return found
        record = Record(EntityType.PROJECT, found)
        if self.link(record):  # to another number, which it has perhaps had since: what was found is minutes old
            project = self.moment.project(found)
            if project is None or project.number.lstrip("0") != str(number):
                return None
            raise _pending(record)
        job = job_actions.find(self.database, self.connection.id, record)
        if job and job.error_code in ("project_taken", "taken"):
            raise _pending(record)
        return found

    def project_number(self, moment_id: str) -> int:
        """Return the project number of a Moment project; raises as :meth:`customer_number` does."""
        return self._number_of(EntityType.PROJECT, moment_id, read=self.moment.project)

    def _is_in_moment(self, record: Record) -> bool:
        """Ask Moment whether it still has a customer or project; nothing else is asked about."""
        if record.entity_type is EntityType.CUSTOMER:
            return self.moment.customer(record.id) is not None
        return record.entity_type is not EntityType.PROJECT or self.moment.project(record.id) is not None

    def _is_read_from_moment(self, record: Record) -> bool:
        """Return whether Moment will be asked: an invoice that is linked never changes."""
        return record.entity_type is not EntityType.INVOICE or self._known[record] is None

    def _number_of(
        self, entity_type: EntityType, moment_id: str, *, read: Callable[[str], Customer | Project | None]
    ) -> int:
        """Take the number from the link, or from Moment's record where such records are not synced."""
        if entity_type in self.settings.entity_types:
            linked = Record(entity_type, moment_id)
            number = int(self._remote_id(linked))
            self._numbered[entity_type, number] = linked
            return number
        record = read(moment_id)
        return whole_number(record.number if record else "", what=entity_type)

    def _remote_id(self, record: Record) -> str:
        link = self.link(record)
        if link is None:
            raise _pending(record)
        return link.remote_id


def _pending(record: Record) -> DependencyPendingError:
    return DependencyPendingError(msg("{record} must sync first.", record=record.name), dependency=record)


def _taken(record: Record, remote_id: str) -> RejectedError:
    return RejectedError(
        msg(
            "{record} in 24SevenOffice already belongs to another record in Moment.",
            record=titled(record.entity_type, remote_id),
        ),
        error_code="taken",
        remedy=msg("Give one of the two in Moment another number."),
    )


def whole_number(text: str, *, what: EntityType) -> int:
    """Read the number of a customer or project, which 24SevenOffice takes as an int32 above zero.

    Raises:
        RejectedError: it is none.
    """
    if is_int32(text):
        return int(text)
    number = msg("The customer number") if what is EntityType.CUSTOMER else msg("The project number")
    problem = (
        msg("{number} is “{text}”.", number=number, text=text[:40])
        if text
        else msg("{number} is missing.", number=number)
    )
    raise RejectedError(
        msg("{problem} 24SevenOffice only takes whole numbers from 1 to {most}.", problem=problem, most=MAX_INT32),
        error_code="customer_number" if what is EntityType.CUSTOMER else "project_number",
        remedy=msg("Correct the number in Moment; it must be a whole number."),
    )


def is_int32(text: str) -> bool:
    """Return whether a text is a whole number from 1 on that fits into 32 bits."""
    return text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_INT32)) and 0 < int(text) <= MAX_INT32


def fingerprint(*sent: object) -> str:
    """Hash what is sent, to tell later whether anything has changed."""
    return hashlib.sha256(repr(sent).encode()).hexdigest()
