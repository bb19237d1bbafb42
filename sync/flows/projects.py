"""Projects: from Moment to 24SevenOffice, under their own number and with their customer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from i18n.messages import Message, msg
from models.enums import EntityType, Outcome, titled
from models.error_codes import GONE, PROJECT_TAKEN
from models.inbox.leases import SyncJob
from models.inbox.questions import SAVED_ELSEWHERE, Candidate
from sync.engine.context import NOT_IN_MOMENT, SyncContext
from sync.engine.outcomes import UNCHANGED, Success, skipped
from sync.error_codes.names import NO_NAME, PROJECT_NUMBER
from sync.errors import RejectedError, SyncError, error_as_value, naming_record
from sync.records import ExistingProject, Project, ProjectDraft, fingerprint
from sync.rules.matching import has_same_name_and_customer
from sync.rules.normalization import MAX_PROJECT_NAME_LENGTH, clean, cut_warning
from sync.rules.record_numbers import whole_number
from sync.rules.record_summaries import project_summary

RENUMBERED = msg(
    "The project now has another number in Moment, which belongs to another project in 24SevenOffice."
)
"""Why a link is released: the project got another number. Its invoices and costs then wait for a person."""


@dataclass(frozen=True, slots=True)
class PreparedProject:
    """A project to be saved, and the hash of what is sent. ``is_linked``: its link has this number."""

    job: SyncJob
    draft: ProjectDraft
    fingerprint: str
    is_linked: bool
    warnings: tuple[Message, ...] = ()

    @property
    def title(self) -> Message:
        return titled(EntityType.PROJECT, str(self.draft.number))


class Projects:
    """Saves new and changed projects, each in its own call, because 24SevenOffice has no other."""

    batch_size = 20  # as many as the invoices of one call may need
    sends_together = False

    def __init__(self, context: SyncContext) -> None:
        self._context = context
        self._unlinked: dict[int, list[SyncJob]] = defaultdict(list)
        self._existing: Mapping[int, ExistingProject] | None = None
        self._answers: Mapping[int, str] = {}
        self._undone: Mapping[int, frozenset[int]] = {}

    def prepare(self, job: SyncJob) -> PreparedProject | Success:
        """Read a project and decide whether it has to be saved."""
        project = self._context.moment.project(job.record.id)
        if project is None:
            self._context.release_link(job.record, because=NOT_IN_MOMENT)
            return skipped(msg("This project no longer exists in Moment."), error_code=GONE)
        name, number = self._context.party(project.customer_id)
        self._context.set_summary(project_summary(project, customer=name, customer_number=number))
        with naming_record(title(project)):
            customer_id = project.customer_id
            customer_number = self._context.customer_number(customer_id) if customer_id else None
            draft = draft_of(project, customer_number=customer_number)
            settings = self._context.settings
            sent = fingerprint(draft, settings.client_id_field, settings.client_id)
            link = self._context.link(job.record)
            if link and link.fingerprint == sent and not job.outcome_unknown:
                return UNCHANGED
            is_linked = link is not None and link.remote_id == str(draft.number)
            if not is_linked:
                self._unlinked[draft.number].append(job)
            cut = cut_warning(msg("The name"), project.name, max_length=MAX_PROJECT_NAME_LENGTH)
            return PreparedProject(job, draft, sent, is_linked=is_linked, warnings=(cut,) if cut else ())

    def send(self, batch: Sequence[PreparedProject]) -> Sequence[Success | SyncError]:
        return [error_as_value(item.title, self._save, item) for item in batch]

    def _save(self, item: PreparedProject) -> Success:
        if not item.is_linked:
            try:
                self._check_number(item)
            except RejectedError:
                self._context.release_link(item.job.record, because=RENUMBERED)
                raise
        number = str(item.draft.number)
        if self._context.candidate_with_note(item.job, SAVED_ELSEWHERE) == number:
            raise _saved_elsewhere_error(number)
        self._context.renew_lease()
        try:
            self._context.erp.save_project(item.draft)
        except RejectedError as error:
            if error.error_code == PROJECT_NUMBER:  # it is saved; another attempt would create a duplicate
                candidate = Candidate(number, item.draft.name, note=SAVED_ELSEWHERE)
                self._context.ask_for_match(item.job, [candidate])
            raise (
                self._context.lost_dependency(EntityType.CUSTOMER, item.draft.customer_number) or error
            ) from error
        self._context.save_link(item.job.record, remote_id=number, fingerprint=item.fingerprint)
        message = msg("“{name}” saved.", name=item.draft.name)
        return Success(Outcome.SYNCED, item.title, message, warnings=item.warnings)

    def _check_number(self, item: PreparedProject) -> None:
        """Check that the number is free or this very project's. Raises RejectedError if it is not."""
        number, job = item.draft.number, item.job
        self._context.refuse_taken(job.record, str(number))
        if self._existing is None:
            projects = self._context.erp.existing_projects(self._unlinked.keys())
            jobs = [*chain.from_iterable(self._unlinked.values())]
            self._answers, self._undone = self._context.answers(jobs), self._context.undone(jobs)
            self._existing = {project.number: project for project in projects}
        existing = self._existing.get(number)
        is_same = existing and (
            has_same_name_and_customer(item.draft, existing) or self._may_have_saved(job, existing)
        )
        if existing is None or (is_same and number not in self._undone.get(job.id, ())):
            return
        if self._answers.get(job.id) != str(number):
            self._ask_for_match(item, existing)

    def _may_have_saved(self, job: SyncJob, existing: ExistingProject) -> bool:
        """Return whether our own lost call may have saved it, before its name changed in Moment."""
        client_id = self._context.settings.client_id
        return job.outcome_unknown and client_id != "" and existing.client_id == client_id

    def _ask_for_match(self, item: PreparedProject, existing: ExistingProject) -> None:
        """Ask a person whether the projects are the same. Raises :class:`RejectedError`."""
        number, name = existing.number, existing.name
        note, draft = "closed" if existing.closed else "", item.draft
        candidate = Candidate(str(number), name, customer_number=str(existing.customer_number or ""), note=note)
        own = Candidate(str(draft.number), draft.name, customer_number=str(draft.customer_number or ""))
        self._context.ask_for_match(item.job, [candidate], own)
        message = (
            msg("24SevenOffice has a closed project {number}: “{name}”.", number=number, name=name)
            if existing.closed
            else msg("24SevenOffice has another project {number}: “{name}”.", number=number, name=name)
        )
        raise RejectedError(
            message,
            error_code=PROJECT_TAKEN,
        )


def _saved_elsewhere_error(number: str) -> RejectedError:
    return RejectedError(
        msg(
            "24SevenOffice saved project {number} under another number last time. Retrying would create another "
            "project, so it is skipped.",
            number=number,
        ),
        error_code=PROJECT_NUMBER,
        remedy=msg("Remove the wrong project from 24SevenOffice and retry here, or use its number in Moment."),
    )


def title(project: Project) -> Message:
    return titled(EntityType.PROJECT, clean(project.number, max_length=40) or project.id)


def draft_of(project: Project, *, customer_number: int | None) -> ProjectDraft:
    """Return the project as 24SevenOffice accepts it. Raises RejectedError for its name or number."""
    name = clean(project.name, max_length=MAX_PROJECT_NAME_LENGTH)
    if not name:
        raise RejectedError(msg("The project has no name."), error_code=NO_NAME)
    return ProjectDraft(
        number=whole_number(project.number, entity_type=EntityType.PROJECT),
        name=name,
        customer_number=customer_number,
        starts=project.starts,
        ends=project.ends,
    )
