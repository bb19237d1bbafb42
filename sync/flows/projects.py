"""A project of Moment becomes a project of 24SevenOffice, under its own number and its customer's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from language.said import Said, say
from models.questions import Candidate
from models.words import Kind, Outcome, Record, named
from sync.cleaning import clean
from sync.desk import fingerprint, whole_number
from sync.errors import Rejected, SyncError, about, caught
from sync.matching import same_project
from sync.outcomes import UNCHANGED, Done, skipped
from sync.records import ProjectDraft

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from models.inbox import Change
    from sync.desk import Desk
    from sync.records import HeldProject, Project

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Work:
    """A project that is to be saved, the hash of all that is sent, and whether it came across before."""

    change: Change
    draft: ProjectDraft
    fingerprint: str
    linked: bool

    @property
    def title(self) -> Said:
        """What a person calls the project."""
        return named(Kind.PROJECT, str(self.draft.number))


class Projects:
    """Saves new and changed projects, each in a call of its own since the vendor has no other."""

    batch = 20  # so many invoices as one call posts have their projects at once
    together = False

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._strangers: dict[int, Change] = {}
        self._held: Mapping[int, HeldProject] | None = None
        self._answers: Mapping[int, str] = {}

    def prepare(self, change: Change) -> Work | Done:
        """Read a project and see whether anything in it has to be saved."""
        project = self._desk.moment.project(change.record.id)
        if project is None:
            return skipped(say("Moment does not have this project any more."), reason="gone")
        self._desk.mention(Record(Kind.CUSTOMER, project.customer_id))
        with about(named(Kind.PROJECT, clean(project.number, longest=40) or project.id)):
            of = project.customer_id
            draft = draft_of(project, customer_number=self._desk.customer_number(of) if of else None)
            settings = self._desk.settings
            sent = fingerprint(draft, settings.client_id_field, settings.client_id)
            link = self._desk.link(change.record)
            if link and link.fingerprint == sent:
                return UNCHANGED
            if link is None:
                self._strangers[draft.number] = change
            return Work(change, draft, sent, linked=link is not None)

    def send(self, works: Sequence[Work]) -> Sequence[Done | SyncError]:
        """Save projects one after the other."""
        return [caught(work.title, self._save, work) for work in works]

    def _save(self, work: Work) -> Done:
        if not work.linked:
            self._identify(work)
        self._desk.hold()
        self._desk.erp.save_project(work.draft)
        number = str(work.draft.number)
        self._desk.save_link(work.change.record, remote_id=number, fingerprint=work.fingerprint)
        return Done(Outcome.SYNCED, work.title, say("“{name}” saved.", name=work.draft.name))

    def _identify(self, work: Work) -> None:
        """See that the number is free, or is this very project's. Raises :class:`Rejected` where it is not."""
        number, change = work.draft.number, work.change
        self._desk.refuse_taken(change.record, str(number))
        if self._held is None:
            held = self._desk.erp.held_projects(self._strangers.keys())
            self._answers = self._desk.answers(list(self._strangers.values()))
            self._held = {each.number: each for each in held}
        there = self._held.get(number)
        if there is None or same_project(work.draft, there) or self._may_have_saved(change, there):
            return
        if self._answers.get(change.id) != str(number):
            self._ask(change, there)

    def _may_have_saved(self, change: Change, held: HeldProject) -> bool:
        """Tell whether it is what a call of ours saved that lost its answer, and was renamed in Moment since."""
        ours = self._desk.settings.client_id
        return change.uncertain and ours != "" and held.client_id == ours

    def _ask(self, change: Change, held: HeldProject) -> None:
        self._desk.ask(
            change, [Candidate(str(held.number), held.name, customer_number=str(held.customer_number or ""))]
        )
        raise Rejected(
            say("24SevenOffice has another project {number}: “{name}”.", number=held.number, name=held.name),
            reason="project_taken",
            remedy=say(
                "Give the project another number in Moment, or open it in the bridge and say that it is the same."
            ),
        )


def draft_of(project: Project, *, customer_number: int | None) -> ProjectDraft:
    """Put a project as 24SevenOffice takes it. Raises :class:`Rejected` where name or number do not do."""
    name = clean(project.name, longest=LONGEST_NAME)
    if not name:
        raise Rejected(say("The project has no name."), reason="no_name", remedy=say("Give it a name in Moment."))
    return ProjectDraft(
        number=whole_number(project.number, what=Kind.PROJECT),
        name=name,
        customer_number=customer_number,
        starts=project.starts,
        ends=project.ends,
    )
