"""Tries out how Moment keeps an expense: makes one of 1 krone with a file, finds it, and removes it."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from language.said import say
from models.words import Kind
from sync.doctor.checkups.moment import A_YEAR
from sync.doctor.findings import bad, good, safely, unknown
from sync.doctor.rehearsals.traces import TEST_ID, refused
from sync.errors import SyncError
from sync.records import ExpenseDraft

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from sync.doctor.findings import Finding
    from sync.doctor.rehearsals.traces import Stage

FILE = "bridge-test.txt"


def expense(stage: Stage) -> Iterator[Finding]:
    """Make an activity and an expense with a file in some project, and remove the expense again."""
    moment, patient = stage.patient.moment, stage.patient
    project_id = next(iter(moment.changed(Kind.PROJECT, since=patient.now - A_YEAR)), None)
    if project_id is None:
        yield unknown(
            say("No expense was tried out: Moment has no project of the last year."),
            say("Make a project in Moment, and try again."),
            tests="M4, M11, M14, M15",
        )
        return
    activity_id = yield from _activity(stage, project_id)
    if activity_id:
        _cleared(stage)
        yield from _made(stage, project_id, activity_id)


def _activity(stage: Stage, project_id: str) -> Generator[Finding, None, str]:
    """Make the activity, which cannot be removed; the answer is its id, empty where there is none."""
    told = say("the activity “{name}” of project {id} in Moment", name=stage.name, id=project_id)
    stage.traces.begins("activity", told)
    try:
        activity_id = stage.patient.moment.activity(project_id, stage.name)
    except SyncError as error:
        if not error.in_doubt:
            stage.traces.gone("activity")
        yield refused(error, tests="M14")
        return ""
    stage.traces.became("activity", told)
    yield good(say("Moment takes an activity that the bridge makes."), tests="M14")
    return activity_id


def _made(stage: Stage, project_id: str, activity_id: str) -> Iterator[Finding]:
    told = say("an expense of 1 krone on project {id} in Moment, “{name}”", id=project_id, name=stage.name)
    stage.traces.begins("expense", told)
    try:
        expense_id = stage.patient.moment.create_expense(_draft(stage, project_id, activity_id))
    except SyncError as error:
        if not error.in_doubt:
            stage.traces.gone("expense")
        yield refused(error, tests="M4, M15")
        return
    stage.traces.became("expense", told)
    yield from _tried(stage, expense_id)


def _draft(stage: Stage, project_id: str, activity_id: str) -> ExpenseDraft:
    return ExpenseDraft(
        external_id=TEST_ID,
        project_id=project_id,
        activity_id=activity_id,
        description=stage.name,
        amount=100,
        supplier=stage.name,
        invoice_number=TEST_ID,
        day=stage.patient.today,
        billable=False,
    )


def _cleared(stage: Stage) -> None:
    """Remove what a rehearsal that broke off has left."""
    while left := stage.patient.moment.find_expense(TEST_ID):
        if not stage.patient.moment.delete_expense(left):
            return


def _tried(stage: Stage, expense_id: str) -> Iterator[Finding]:
    """Look at the expense and give it a file; it is removed again whatever comes of that."""
    yield from safely("expenses.found", _found(stage, expense_id))
    yield from safely("expenses.attached", _attached(stage, expense_id))
    yield from _removed(stage, expense_id)


def _found(stage: Stage, expense_id: str) -> Iterator[Finding]:
    if stage.patient.moment.find_expense(TEST_ID) == expense_id:
        yield good(say("An expense in kroner is taken, and found by our key."), tests="M4, M15")
    else:
        yield bad(
            say("An expense was made, and is not found by our key."),
            say("After a call without an answer an expense may be made twice: watch the first ones in Moment."),
            tests="M4",
        )


def _attached(stage: Stage, expense_id: str) -> Iterator[Finding]:
    moment, content = stage.patient.moment, BytesIO(stage.name.encode())
    moment.attach(expense_id, name=FILE, media_type="text/plain", content=content)
    names = moment.attachments(expense_id) or ()
    if FILE in names:
        yield good(say("A file of an expense is taken, and listed by its name."), tests="M4, M11")
    else:
        yield bad(
            say("A file of an expense was taken, and is not listed by its name."),
            say("After a crash a document may be there twice: look at the documents of the first expenses."),
            tests="M11",
        )


def _removed(stage: Stage, expense_id: str) -> Iterator[Finding]:
    stage.patient.moment.delete_expense(expense_id)
    if stage.patient.moment.find_expense(TEST_ID) is None:
        stage.traces.gone("expense")
        yield good(say("An expense is removed, and not found any more."), tests="M5")
    else:
        yield bad(
            say("An expense was removed, and is still found."), say("Remove it by hand in Moment."), tests="M5"
        )
