"""Jobs: the records to sync, with their states, attempts, notes and match questions."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StringConstraints

from i18n.messages import code_of, msg
from models.admin import job_details, job_list, match_questions, notes
from models.admin.dashboard import find_by_name
from models.admin.job_details import AttemptView
from models.admin.job_filter import JobFilter
from models.admin.job_list import JobView
from models.admin.notes import MAX_LENGTH
from models.connections.repository import MAX_NAME_LENGTH
from models.enums import EntityType, JobState, Outcome, Scope
from models.inbox.questions import CREATE_NEW
from models.users.tokens import TokenScope
from sync.rules.match_comparison import Comparison, compare
from web.api.caller import Caller, RequireScope
from web.api.common_types import PLAIN, SIZE, Body, Cursor, Instant, JobId, Limit, Page, key_of, page_of
from web.api.problems import ProblemError, invalid
from web.dependencies import MAX_CONNECTION_ID
from worker import dispatch

router = APIRouter(tags=["Jobs"])

MAX_TEXT_LENGTH = 100
WRITTEN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]*$"
"""The pattern of a note: no control characters except line endings and tabs."""
WARNING_CODES = "Machine-readable codes of the warnings, in the same order; empty for old warnings without a code"

Reading = Annotated[Caller, Depends(RequireScope(TokenScope.JOBS_READ))]
Writing = Annotated[Caller, Depends(RequireScope(TokenScope.JOBS_WRITE))]
Text = Annotated[str, StringConstraints(pattern=PLAIN, max_length=MAX_TEXT_LENGTH)]


class RecordReference(BaseModel):
    """A record in one of the systems."""

    id: str = Field(description="Id in that system, such as the number of a customer in 24SevenOffice")
    url: str | None = Field(description="URL of the record for people; null if unknown")


class Records(BaseModel):
    """The records of a job in both systems, as in events.

    Each list is empty or has one record, except that a voucher may have several expenses in Moment.
    """

    moment: list[RecordReference] = Field(description="Records in Moment")
    twentyfour: list[RecordReference] = Field(description="Record in 24SevenOffice")


class Summary(BaseModel):
    """The summary of a record when it was last read. Empty and null values are unknown."""

    number: str = Field(description="Number of the record; for a cost voucher, the supplier's invoice number")
    name: str = Field(description="Name of a customer or project")
    party: str = Field(description="Customer of an invoice or project, or supplier of a voucher")
    party_number: str = Field(description="Number of that customer or supplier in 24SevenOffice")
    amount: int | None = Field(
        description="Total including VAT, in hundredths of the currency; negative for a credit note"
    )
    currency: str = Field(description="Currency of the amount (ISO 4217), such as NOK")
    record_date: date | None = Field(description="Date of the invoice or voucher")
    due_date: date | None = Field(description="Due date of the invoice")
    voucher: str = Field(description='Voucher in 24SevenOffice and its fiscal year, such as "40003/2026"')


class JobItem(BaseModel):
    """A record to sync. Each record has one job, which is reopened when the record changes."""

    id: int = Field(description="Id of the job")
    connection_id: int = Field(description="Id of the connection")
    connection: str = Field(description="Name of the connection")
    entity_type: EntityType = Field(description="Type of the record")
    record_id: str = Field(
        description="Id of the record in Moment; for an expense, the id of its voucher in 24SevenOffice"
    )
    revision: int = Field(
        description="Number of times the record has been received; does not order later changes to the job"
    )
    title: str = Field(description="Display name of the record")
    summary: Summary = Field(description="Facts about the record, as last read")
    records: Records = Field(description="The record in each system, as far as it exists")
    state: JobState = Field(description="State of the job")
    outcome: Outcome | None = Field(
        description="Outcome of the last attempt, even if the record has changed since; null before the first"
    )
    error_code: str = Field(description="Machine-readable reason for a failure or skip; empty if there is none")
    message: str = Field(description="Message of the last attempt; empty if there is none")
    remedy: str = Field(description="Suggested remedy; empty if no action is needed")
    warnings: list[str] = Field(description="Things to check that did not stop the sync, as sentences")
    warning_codes: list[str] = Field(description=WARNING_CODES)
    dismissal_reason: str = Field(description="Reason given for dismissing the job; empty if it was not dismissed")
    failed_attempts: int = Field(description="Number of consecutive failed attempts")
    due_at: datetime | None = Field(
        description="Time of the next attempt; null if none is scheduled. After an attempt with an unknown "
        "outcome, it is at least a minute later, even after a retry, since the call may still be running."
    )
    received_at: datetime = Field(
        description="Time when the record was last received; for a cost voucher, when it was last found new or "
        "changed"
    )
    completed_at: datetime | None = Field(
        description="Time when the last attempt ended or the job was dismissed; null if neither has happened"
    )
    updated_at: datetime = Field(description="Time of the last change to the job, such as a new state")


class Call(BaseModel):
    """A call to Moment or 24SevenOffice."""

    operation: str = Field(description="Operation as the called system names it")
    request: str = Field(description="Beginning of the request, without passwords and sessions")
    response: str = Field(description="Beginning of the response; empty if there was none")


class Attempt(BaseModel):
    """An attempt at a job."""

    id: int = Field(description="Id of the attempt")
    at: datetime = Field(description="Time when the attempt ended")
    seconds: float = Field(description="Duration in seconds")
    outcome: Outcome = Field(description="Outcome of the attempt")
    error_code: str = Field(description="Machine-readable reason for a failure or skip; empty if there is none")
    message: str = Field(description="Result as a sentence; empty if there is nothing to say")
    warnings: list[str] = Field(description="Things to check that did not stop the sync, as sentences")
    warning_codes: list[str] = Field(description=WARNING_CODES)
    calls: list[Call] = Field(description="The last calls of the attempt, oldest first")


class Note(BaseModel):
    """A note on a record, written by a person or a program."""

    id: int = Field(description="Id of the note")
    at: datetime = Field(description="Time when the note was added")
    actor: str = Field(description="Email address of the user, or name of the API token")
    text: str = Field(description="Text of the note")


class NewNote(Body):
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH, pattern=WRITTEN)] = Field(
        description="Text of the note; line breaks are kept"
    )


class JobDetail(JobItem):
    notes: list[Note] = Field(description="Notes on the record, newest first")
    attempts: list[Attempt] = Field(description="Latest attempts, newest first")
    more_attempts: str | None = Field(description="Cursor of earlier attempts; null if there are none")


class Candidate(BaseModel):
    """A record in 24SevenOffice that may match. Texts that it lacks are empty."""

    number: str = Field(description="Customer or project number")
    name: str = Field(description="Name of the customer or project")
    organization_number: str = Field(description="Organization number of a customer")
    email: str = Field(description="Email addresses of a customer, separated by commas")
    customer_number: str = Field(description="Number of a project's customer")
    address: str = Field(description="Address of a customer in one line")
    note: str = Field(description="Reason for doubt: supplier, inactive, closed or taken; empty if there is none")
    comparison: dict[str, Comparison] = Field(
        description="Comparison with Moment's record, by field; fields that are empty in both are left out"
    )


class MomentRecord(BaseModel):
    """The record in Moment at the time of the question. Texts that it lacks are empty."""

    number: str = Field(description="Customer or project number")
    name: str = Field(description="Name of the customer or project")
    organization_number: str = Field(description="Organization number of a customer")
    email: str = Field(description="Email addresses of a customer, separated by commas")
    customer_number: str = Field(description="Number of a project's customer")
    address: str = Field(description="Address of a customer in one line")


class MatchQuestion(BaseModel):
    """A question about which record in 24SevenOffice matches a record in Moment."""

    job_id: int = Field(description="Id of the job that waits for the answer")
    entity_type: EntityType = Field(description="Type of the record: customer or project")
    title: str = Field(description="Display name of the record")
    moment_record: MomentRecord | None = Field(
        description="Record in Moment; null if it is not there, or an earlier release asked the question"
    )
    candidates: list[Candidate] = Field(description="Records in 24SevenOffice to choose from")
    may_be_new: bool = Field(description=f'True if "{CREATE_NEW}" is a valid answer')


class Answer(Body):
    choice: Text = Field(description=f'Number of a candidate, or "{CREATE_NEW}" for none of them')


class JobQuery(BaseModel):
    """A filter for jobs. A job must match all given conditions."""

    connection_id: int | None = Field(
        default=None, ge=1, le=MAX_CONNECTION_ID, description="Only jobs of this connection"
    )
    connection_name: Annotated[str, StringConstraints(pattern=PLAIN, max_length=MAX_NAME_LENGTH)] = Field(
        default="", description="Name of a connection, or part of it"
    )
    entity_type: EntityType | None = Field(default=None, description="Only records of this type")
    state: set[JobState] = Field(default=set(), description="States to include")
    outcome: set[Outcome] = Field(default=set(), description="Outcomes of the last attempt to include")
    error_code: Text = Field(default="", description="Only jobs with this error code")
    updated_since: Instant | None = Field(
        default=None,
        description="Only jobs changed at or after this time. To follow changes, send the time at which you "
        "started the previous list, minus a minute.",
    )
    text: Text = Field(default="", description="Prefixes of words in the name, or of numbers in either system")

    def job_filter(self, caller: Caller) -> JobFilter:
        """Return the filter, limited to the token's connections."""
        scope = caller.scope
        if self.connection_name:
            scope = Scope(find_by_name(caller.database, scope, self.connection_name))
        return JobFilter(
            scope=scope,
            connection_id=self.connection_id,
            entity_type=self.entity_type,
            states=frozenset(self.state),
            outcomes=frozenset(self.outcome),
            error_code=self.error_code,
            updated_since=self.updated_since,
            text=self.text,
        )


@router.get("/jobs", operation_id="listJobs")
def list_jobs(
    caller: Reading, query: Annotated[JobQuery, Query()], cursor: Cursor = None, limit: Limit = SIZE
) -> Page[JobItem]:
    """List jobs, most recently received first."""
    return _page(caller, query.job_filter(caller), cursor, limit)


@router.get("/expenses", operation_id="listExpenses")
def list_expenses(
    caller: Reading, query: Annotated[JobQuery, Query()], cursor: Cursor = None, limit: Limit = SIZE
) -> Page[JobItem]:
    """List the jobs of vouchers in 24SevenOffice whose costs become expenses in Moment.

    The filters are the same as for jobs.
    """
    job_filter = replace(query.job_filter(caller), entity_type=EntityType.EXPENSE)
    return _page(caller, job_filter, cursor, limit)


@router.get("/jobs/{job_id}", operation_id="getJob")
def get_job(caller: Reading, job_id: JobId) -> JobDetail:
    """Get a job with its notes and latest attempts."""
    view = visible_job(caller, job_id)
    attempts = job_details.attempts_page(caller.database, job_id, key=None)
    older = str(attempts.older) if attempts.older else None
    return JobDetail(
        **item(caller, view).model_dump(),
        notes=_notes(caller, job_id),
        attempts=_attempts(caller, attempts.lines),
        more_attempts=older,
    )


@router.get("/jobs/{job_id}/attempts", operation_id="listAttempts")
def list_attempts(caller: Reading, job_id: JobId, cursor: Cursor = None) -> Page[Attempt]:
    """List the attempts at a job, newest first."""
    visible_job(caller, job_id)
    found = job_details.attempts_page(caller.database, job_id, key=key_of(cursor))
    return page_of(_attempts(caller, found.lines), found)


@router.post("/jobs/{job_id}/notes", operation_id="addNote", status_code=201)
def add_note(caller: Writing, job_id: JobId, note: NewNote) -> Note:
    """Add a note to a record."""
    visible_job(caller, job_id)
    notes.add(caller.database, job_id, note.text, actor=caller.actor, now=caller.now)
    return _notes(caller, job_id)[0]


@router.get("/jobs/{job_id}/match-question", operation_id="getMatchQuestion", tags=["Match questions"])
def get_match_question(caller: Reading, job_id: JobId) -> MatchQuestion:
    """Get the question about a record that may already exist in 24SevenOffice. 404 if there is none."""
    view = visible_job(caller, job_id)
    question = match_questions.open_question(caller.database, job_id)
    if question is None:
        raise ProblemError("not_found")
    own = question.moment_record
    return MatchQuestion(
        job_id=job_id,
        entity_type=view.record.entity_type,
        title=caller.translate(view.title),
        moment_record=MomentRecord.model_validate(own, from_attributes=True) if own else None,
        candidates=[
            Candidate(**asdict(each), comparison=dict(compare(own, each))) for each in question.candidates
        ],
        may_be_new=view.record.entity_type is EntityType.CUSTOMER,
    )


@router.post("/jobs/{job_id}/match-question/answer", operation_id="answerMatchQuestion", tags=["Match questions"])
def answer_match_question(caller: Writing, job_id: JobId, answer: Answer) -> JobItem:
    """Answer a match question. The job is then retried."""
    visible_job(caller, job_id)
    acted = match_questions.answer(caller.database, job_id, answer.choice, actor=caller.actor, now=caller.now)
    if not acted.count:
        if match_questions.candidates_of(caller.database, job_id):
            raise invalid("choice", msg("Choose one of the candidates."))
        raise ProblemError("not_applicable")
    dispatch.dispatch_lanes(acted.lanes)
    return item(caller, visible_job(caller, job_id))


@router.post("/jobs/{job_id}/match-question/undo", operation_id="undoMatch", tags=["Match questions"])
def undo_match(caller: Writing, job_id: JobId) -> JobItem:
    """Undo the answer to a match question.

    The link is removed, and the question is open again. Anything saved or posted in 24SevenOffice stays. 409 if
    there is no answer to undo, or the job is running.
    """
    visible_job(caller, job_id)
    acted = match_questions.undo(caller.database, job_id, actor=caller.actor, now=caller.now)
    if not acted.count:
        raise ProblemError("not_applicable")
    return item(caller, visible_job(caller, job_id))


def visible_job(caller: Caller, job_id: int) -> JobView:
    """Return a job. Raises ProblemError if it does not exist or the token does not cover its connection."""
    view = job_details.find(caller.database, job_id)
    if view is None:
        raise ProblemError("not_found")
    caller.expect_allowed(view.connection_id)
    return view


def item(caller: Caller, view: JobView) -> JobItem:
    return items(caller, [view])[0]


def items(caller: Caller, views: Sequence[JobView]) -> list[JobItem]:
    records = [(view.connection_id, view.record) for view in views]
    found = caller.container.record_references(records)
    return [
        _item(caller, view, Records.model_validate(each.as_json()))
        for view, each in zip(views, found, strict=True)
    ]


def _notes(caller: Caller, job_id: int) -> list[Note]:
    return [Note.model_validate(each, from_attributes=True) for each in notes.of_job(caller.database, job_id)]


def _item(caller: Caller, view: JobView, records: Records) -> JobItem:
    return JobItem(
        id=view.id,
        connection_id=view.connection_id,
        connection=view.connection,
        entity_type=view.record.entity_type,
        record_id=view.record.id,
        revision=view.revision,
        title=caller.translate(view.title),
        summary=_summary(view),
        records=records,
        state=view.state,
        outcome=view.outcome,
        error_code=view.error_code,
        message=caller.translate(view.message),
        remedy=caller.translate(view.remedy),
        warnings=list(map(caller.translate, view.warnings)),
        warning_codes=list(map(code_of, view.warnings)),
        dismissal_reason=caller.translate(view.dismissal_reason),
        failed_attempts=view.failed_attempts,
        due_at=view.due_at,
        received_at=view.received_at,
        completed_at=view.completed_at,
        updated_at=view.updated_at,
    )


def _summary(view: JobView) -> Summary:
    known = view.summary
    return Summary(
        number=view.number,
        name=known.record_name,
        party=known.party,
        party_number=known.party_number,
        amount=known.amount,
        currency=known.currency,
        record_date=known.record_date,
        due_date=known.due_date,
        voucher=view.voucher,
    )


def _page(caller: Caller, job_filter: JobFilter, cursor: str | None, limit: int) -> Page[JobItem]:
    found = job_list.page(caller.database, job_filter, key=key_of(cursor), size=limit)
    return page_of(items(caller, found.lines), found)


def _attempts(caller: Caller, views: Sequence[AttemptView]) -> list[Attempt]:
    return [
        Attempt(
            id=each.id,
            at=each.at,
            seconds=each.seconds,
            outcome=each.outcome,
            error_code=each.error_code,
            message=caller.translate(each.message),
            warnings=list(map(caller.translate, each.warnings)),
            warning_codes=list(map(code_of, each.warnings)),
            calls=[Call.model_validate(call) for call in each.calls],
        )
        for each in views
    ]
