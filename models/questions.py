"""Questions to a person: which record of 24SevenOffice is this one of Moment? And what they answered."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, insert, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapped, mapped_column

from language.said import Said, say
from models import lingering
from models.changes import Acted
from models.locking import locked
from models.tables import AuditRow, Base, ChangeRow
from models.words import Kind, Lane, State, named

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from models.base import Database

NEW = "new"
"""The answer that it is none of the candidates."""

REASONS = frozenset({"which_customer", "project_taken"})
"""The reasons of changes that wait for an answer."""


class QuestionRow(Base):
    """What a change waits to be told: ``candidates`` are to choose from, ``answer`` is a number or :data:`NEW`."""

    __tablename__ = "questions"

    change_id: Mapped[int] = mapped_column(ForeignKey("changes.id", ondelete="CASCADE"), primary_key=True)
    asked_at: Mapped[datetime]
    candidates: Mapped[list[dict[str, str]]]
    answer: Mapped[str | None]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record of 24SevenOffice that may be meant; ``email`` may be several. A project has a customer's number.

    ``note`` says what speaks against it: supplier, inactive or taken (by another record of Moment).
    """

    number: str
    name: str
    organization_number: str = ""
    email: str = ""
    customer_number: str = ""
    note: str = ""


def ask(database: Database, change_id: int, candidates: Sequence[Candidate], *, now: datetime) -> None:
    """Ask which of the candidates the record of a change is; what was answered before is void."""
    asked = {"asked_at": now, "candidates": [asdict(each) for each in candidates], "answer": None}
    fresh = postgresql.insert(QuestionRow).values(change_id=change_id, **asked)
    with database.statement() as connection:
        connection.execute(fresh.on_conflict_do_update(index_elements=["change_id"], set_=asked))


def candidates_of(database: Database, change_id: int) -> Sequence[Candidate]:
    """Tell the candidates of a change whose question is open; none where it waits for no answer."""
    query = select(QuestionRow.candidates).join(ChangeRow, ChangeRow.id == QuestionRow.change_id)
    open_ = ChangeRow.state == State.STUCK, ChangeRow.reason.in_(REASONS)
    with database.statement() as connection:
        found = connection.scalar(query.where(QuestionRow.change_id == change_id, *open_))
    return [Candidate(**each) for each in found or ()]


def answers(database: Database, change_ids: Collection[int]) -> Mapping[int, str]:
    """Tell what has been answered about those changes of which something has."""
    query = select(QuestionRow.change_id, QuestionRow.answer).where(QuestionRow.change_id.in_(change_ids))
    with database.statement() as connection:
        return {row.change_id: row.answer for row in connection.execute(query) if row.answer}


def answer(database: Database, change_id: int, choice: str, *, who: str, now: datetime) -> Acted:
    """Answer the open question of a change with the number of a candidate or :data:`NEW`, and make it due.

    Nothing is done where no such question is open, or the choice is not offered: a project's number, which is
    taken, cannot be a new one's too.
    """
    row = select(ChangeRow).where(ChangeRow.id == change_id, ChangeRow.state == State.STUCK)
    with database.transaction() as session:
        change = session.scalar(locked(row.where(ChangeRow.reason.in_(REASONS))))
        question = change and session.get(QuestionRow, change_id)
        if not change or not question or choice not in _choices(Kind(change.kind), question):
            return Acted(0)
        question.answer = choice
        again = {"state": State.WAITING, "due_at": lingering.due(now), "tries": 0, "lost": 0}
        session.execute(update(ChangeRow).where(ChangeRow.id == change_id).values(**again))
        record = change.title or named(Kind(change.kind), change.record_id)
        deed = say("{deed}: {record}", deed=said_of(Kind(change.kind), choice), record=record)
        told = {"connection_id": change.connection_id, "change_id": change_id, "at": now, "who": who}
        session.execute(insert(AuditRow).values(**told, what=deed))
        return Acted(1, frozenset({Lane(change.connection_id, Kind(change.kind))}))


def said_of(kind: Kind, choice: str) -> Said:
    """Say what an answer means."""
    if choice == NEW:
        return say("None of these: make a new one")
    return say("This is {record} in 24SevenOffice", record=named(kind, choice))


def _choices(kind: Kind, question: QuestionRow) -> set[str]:
    return {each["number"] for each in question.candidates} | ({NEW} if kind is Kind.CUSTOMER else set())
