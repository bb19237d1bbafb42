"""Write test of expenses in Moment: create one of 1 krone with a file, find it, and remove it."""

from collections.abc import Generator, Iterator
from io import BytesIO

from i18n.messages import msg
from models.enums import EntityType
from sync.diagnostics.checks.moment import A_YEAR
from sync.diagnostics.findings import Finding, bad, good, safely, unknown
from sync.diagnostics.write_tests.artifacts import TEST_ID, WriteTestContext, write_failed
from sync.errors import SyncError
from sync.records import ExpenseDraft

FILE_NAME = "bridge-test.txt"


def expense(context: WriteTestContext) -> Iterator[Finding]:
    """Create an activity and an expense with a file in a project, and remove the expense again."""
    moment, target = context.target.moment, context.target
    project_id = next(iter(moment.changed(EntityType.PROJECT, since=target.now - A_YEAR)), None)
    if project_id is None:
        yield unknown(
            msg("No expense was tested: Moment has no project from the past year."),
            msg("Create a project in Moment, and retry."),
            tests="M4, M11, M14, M15",
        )
        return
    activity_id = yield from _activity(context, project_id)
    if activity_id:
        _remove_leftovers(context)
        yield from _expense(context, project_id, activity_id)


def _activity(context: WriteTestContext, project_id: str) -> Generator[Finding, None, str]:
    """Create the activity, which cannot be removed. Return its id, empty if there is none."""
    what = msg("the activity “{name}” of project {id} in Moment", name=context.name, id=project_id)
    context.artifacts.creating("activity", what)
    try:
        activity_id = context.target.moment.activity(project_id, context.name)
    except SyncError as error:
        if not error.outcome_unknown:
            context.artifacts.removed("activity")
        yield write_failed(error, tests="M14")
        return ""
    context.artifacts.created("activity", what)
    yield good(msg("Moment accepts an activity created by the integration."), tests="M14")
    return activity_id


def _expense(context: WriteTestContext, project_id: str, activity_id: str) -> Iterator[Finding]:
    """Create an expense, check it and attach a file. It is removed in any case."""
    what = msg("an expense of 1 krone on project {id} in Moment, “{name}”", id=project_id, name=context.name)
    context.artifacts.creating("expense", what)
    try:
        expense_id = context.target.moment.create_expense(_draft(context, project_id, activity_id))
    except SyncError as error:
        if not error.outcome_unknown:
            context.artifacts.removed("expense")
        yield write_failed(error, tests="M4, M15")
        return
    context.artifacts.created("expense", what)
    yield from safely("expenses.found", _find(context, expense_id))
    yield from safely("expenses.attached", _attach(context, expense_id))
    yield from _remove(context, expense_id)


def _draft(context: WriteTestContext, project_id: str, activity_id: str) -> ExpenseDraft:
    return ExpenseDraft(
        external_id=TEST_ID,
        project_id=project_id,
        activity_id=activity_id,
        description=context.name,
        amount=100,
        supplier=context.name,
        invoice_number=TEST_ID,
        day=context.target.today,
        billable=False,
    )


def _remove_leftovers(context: WriteTestContext) -> None:
    """Remove the expenses of interrupted tests."""
    while left := context.target.moment.find_expense(TEST_ID):
        if not context.target.moment.delete_expense(left):
            return


def _find(context: WriteTestContext, expense_id: str) -> Iterator[Finding]:
    if context.target.moment.find_expense(TEST_ID) == expense_id:
        yield good(msg("An expense in kroner is accepted and can be found by our key."), tests="M4, M15")
    else:
        yield bad(
            msg("An expense was created but can't be found by our key."),
            msg(
                "An expense may be created twice after a call without a response: keep an eye on the first ones "
                "in Moment."
            ),
            tests="M4",
        )


def _attach(context: WriteTestContext, expense_id: str) -> Iterator[Finding]:
    moment, content = context.target.moment, BytesIO(context.name.encode())
    moment.upload_document(expense_id, name=FILE_NAME, media_type="text/plain", content=content)
    names = moment.document_names(expense_id) or ()
    if FILE_NAME in names:
        yield good(msg("A file on an expense is accepted and listed by name."), tests="M4, M11")
    else:
        yield bad(
            msg("A file on an expense was accepted but isn't listed by name."),
            msg("A document may be attached twice after a crash: check the documents on the first expenses."),
            tests="M11",
        )


def _remove(context: WriteTestContext, expense_id: str) -> Iterator[Finding]:
    context.target.moment.delete_expense(expense_id)
    if context.target.moment.find_expense(TEST_ID) is None:
        context.artifacts.removed("expense")
        yield good(msg("An expense can be removed."), tests="M5")
    else:
        yield bad(
            msg("An expense was removed but still exists."), msg("Remove it manually in Moment."), tests="M5"
        )
