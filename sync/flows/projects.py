"""A project of Moment becomes a project of 24SevenOffice, under its own number and its customer's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from language.said import Said, say
from models.words import Kind, Outcome, Record, named
from sync.cleaning import clean
from sync.desk import fingerprint, whole_number
from sync.errors import Rejected, SyncError, about, caught
from sync.outcomes import UNCHANGED, Done, skipped
from sync.records import ProjectDraft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.inbox import Change
    from sync.desk import Desk
    from sync.records import Project

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Work:
    """A project that is to be saved, and the hash of all that is sent."""

    change: Change
    draft: ProjectDraft
    fingerprint: str

    @property
    def title(self) -> Said:
        """What a person calls the project."""
        return named(Kind.PROJECT, str(self.draft.number))


class Projects:
    """Saves new and changed projects, each in a call of its own since the vendor has no other."""

    batch = 10
    together = False

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def prepare(self, change: Change) -> Work | Done:
        """Read a project and see whether anything in it has to be saved."""
        project = self._desk.moment.project(change.record.id)
        if project is None:
            return skipped(say("Moment does not have this project any more."), reason="gone")
        self._desk.mention(Record(Kind.CUSTOMER, project.customer_id))
        with about(named(Kind.PROJECT, clean(project.number, longest=40) or project.id)):
            draft = self._draft(project)
            settings = self._desk.settings
            sent = fingerprint(draft, settings.client_id_field, settings.client_id)
            link = self._desk.link(change.record)
            return UNCHANGED if link and link.fingerprint == sent else Work(change, draft, sent)

    def send(self, works: Sequence[Work]) -> Sequence[Done | SyncError]:
        """Save projects one after the other."""
        return [caught(work.title, self._save, work) for work in works]

    def _draft(self, project: Project) -> ProjectDraft:
        name = clean(project.name, longest=LONGEST_NAME)
        if not name:
            raise Rejected(
                say("The project has no name."), reason="no_name", remedy=say("Give it a name in Moment.")
            )
        return ProjectDraft(
            number=whole_number(project.number, what=Kind.PROJECT),
            name=name,
            customer_number=self._desk.customer_number(project.customer_id) if project.customer_id else None,
            starts=project.starts,
            ends=project.ends,
        )

    def _save(self, work: Work) -> Done:
        self._desk.hold()
        self._desk.erp.save_project(work.draft)
        number = str(work.draft.number)
        self._desk.save_link(work.change.record, remote_id=number, fingerprint=work.fingerprint)
        return Done(Outcome.SYNCED, work.title, say("“{name}” saved.", name=work.draft.name))
