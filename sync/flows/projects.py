"""Projects: from Moment to 24SevenOffice, under their own number and with their customer."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from i18n.messages import Message, msg
from models.enums import EntityType, Outcome, titled
from models.inbox.leases import SyncJob
from models.inbox.questions import SAVED_ELSEWHERE, Candidate
from sync.engine.context import GONE, SyncContext, fingerprint, whole_number
from sync.engine.outcomes import UNCHANGED, Success, skipped
from sync.errors import RejectedError, SyncError, error_as_value, naming_record
from sync.records import ExistingProject, Project, ProjectDraft
from sync.rules.matching import same_project
from sync.rules.normalization import clean, cut_warning
from sync.rules.record_summaries import project_summary

MAX_NAME_LENGTH = 200

DISPUTED = msg("The project now has another number in Moment, which belongs to another project in 24SevenOffice.")
"""Error code of a project that got another number and no link: its invoices and costs wait for a person."""


@dataclass(frozen=True, slots=True)
class PreparedProject:
    """A project to be saved, the hash of what is sent, and whether it exists under this number already."""

    job: SyncJob
    draft: ProjectDraft
    fingerprint: str
    identified: bool
    warnings: tuple[Message, ...] = ()

    @property
    def title(self) -> Message:
        return titled(EntityType.PROJECT, str(self.draft.number))


class Projects:
    """Saves new and changed projects, one call each, as the vendor has no other."""

    batch_size = 20  # as many as the invoices of one call may need
    sends_together = False

    def __init__(self, context: SyncContext) -> None:
        self._context = context
        self._strangers: dict[int, list[SyncJob]] = defaultdict(list)
        self._held: Mapping[int, ExistingProject] | None = None
        self._answers: Mapping[int, str] = {}
        self._undone: Mapping[int, frozenset[int]] = {}

    def prepare(self, job: SyncJob) -> PreparedProject | Success:
        """Read a project and decide whether it has to be saved."""
        project = self._context.moment.project(job.record.id)
        if project is None:
            self._context.release_link(job.record, because=GONE)
            return skipped(msg("This project no longer exists in Moment."), error_code="gone")
        name, number = self._context.party(project.customer_id)
        self._context.note_summary(project_summary(project, customer=name, customer_number=number))
        with naming_record(title(project)):
            of = project.customer_id
            draft = draft_of(project, customer_number=self._context.customer_number(of) if of else None)
            settings = self._context.settings
            sent = fingerprint(draft, settings.client_id_field, settings.client_id)
            link = self._context.link(job.record)
            if link and link.fingerprint == sent and not job.outcome_unknown:
                return UNCHANGED
            identified = link is not None and link.remote_id == str(draft.number)
            if not identified:
                self._strangers[draft.number].append(job)
            cut = cut_warning(msg("The name"), project.name, max_length=MAX_NAME_LENGTH)
            return PreparedProject(job, draft, sent, identified=identified, warnings=(cut,) if cut else ())

    def send(self, batch: Sequence[PreparedProject]) -> Sequence[Success | SyncError]:
        return [error_as_value(item.title, self._save, item) for item in batch]

    def _save(self, item: PreparedProject) -> Success:
        if not item.identified:
            try:
                self._identify(item)
            except RejectedError:
                self._context.release_link(item.job.record, because=DISPUTED)
                raise
        number = str(item.draft.number)
        if self._context.noted(item.job, SAVED_ELSEWHERE) == number:
            raise _saved_elsewhere(number)
        self._context.renew_lease()
        try:
            self._context.erp.save_project(item.draft)
        except RejectedError as error:
            if error.error_code == "project_number":  # it is saved; another try would create a duplicate
                asked = Candidate(number, item.draft.name, note=SAVED_ELSEWHERE)
                self._context.ask_for_match(item.job, [asked])
            raise (
                self._context.lost_dependency(EntityType.CUSTOMER, item.draft.customer_number) or error
            ) from error
        self._context.save_link(item.job.record, remote_id=number, fingerprint=item.fingerprint)
        told = msg("“{name}” saved.", name=item.draft.name)
        return Success(Outcome.SYNCED, item.title, told, warnings=item.warnings)

    def _identify(self, item: PreparedProject) -> None:
        """Check that the number is free or belongs to this very project.

        Raises :class:`RejectedError` if it does not.
        """
        number, job = item.draft.number, item.job
        self._context.refuse_taken(job.record, str(number))
        if self._held is None:
            held = self._context.erp.existing_projects(self._strangers.keys())
            strangers = [*chain.from_iterable(self._strangers.values())]
            self._answers, self._undone = self._context.answers(strangers), self._context.undone(strangers)
            self._held = {each.number: each for each in held}
        there = self._held.get(number)
        is_same = there and (same_project(item.draft, there) or self._may_have_saved(job, there))
        if there is None or (is_same and number not in self._undone.get(job.id, ())):
            return
        if self._answers.get(job.id) != str(number):
            self._ask_for_match(item, there)

    def _may_have_saved(self, job: SyncJob, held: ExistingProject) -> bool:
        """Return whether our own lost call may have saved it, with a name that changed in Moment since."""
        ours = self._context.settings.client_id
        return job.outcome_unknown and ours != "" and held.client_id == ours

    def _ask_for_match(self, item: PreparedProject, held: ExistingProject) -> None:
        note, draft = "closed" if held.closed else "", item.draft
        asked = Candidate(str(held.number), held.name, customer_number=str(held.customer_number or ""), note=note)
        own = Candidate(str(draft.number), draft.name, customer_number=str(draft.customer_number or ""))
        self._context.ask_for_match(item.job, [asked], own)
        taken = (
            msg("24SevenOffice has a closed project {number}: “{name}”.", number=held.number, name=held.name)
            if held.closed
            else msg("24SevenOffice has another project {number}: “{name}”.", number=held.number, name=held.name)
        )
        raise RejectedError(
            taken,
            error_code="project_taken",
            remedy=msg(
                "Give the project another number in Moment, or open it here and confirm it is the same project."
            ),
        )


def _saved_elsewhere(number: str) -> RejectedError:
    return RejectedError(
        msg(
            "24SevenOffice saved project {number} under another number last time. Retrying would create another "
            "project, so it is skipped.",
            number=number,
        ),
        error_code="project_number",
        remedy=msg("Remove the wrong project from 24SevenOffice and retry here, or use its number in Moment."),
    )


def title(project: Project) -> Message:
    return titled(EntityType.PROJECT, clean(project.number, max_length=40) or project.id)


def draft_of(project: Project, *, customer_number: int | None) -> ProjectDraft:
    """Return the project as 24SevenOffice takes it. Raises :class:`RejectedError` for a bad name or number."""
    name = clean(project.name, max_length=MAX_NAME_LENGTH)
    if not name:
        raise RejectedError(
            msg("The project has no name."), error_code="no_name", remedy=msg("Give it a name in Moment.")
        )
    return ProjectDraft(
        number=whole_number(project.number, what=EntityType.PROJECT),
        name=name,
        customer_number=customer_number,
        starts=project.starts,
        ends=project.ends,
    )
