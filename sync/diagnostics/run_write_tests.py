"""The write tests: they test, by writing test records, what the checks cannot see by reading.

They run only in a client and company meant for testing, after a person has agreed. An expense is removed again, a
voucher reversed, and a customer and a project are reused the next time.
"""

from collections.abc import Iterator

from i18n.messages import Message, msg
from models.enums import EntityType
from sync.diagnostics.findings import Finding, Target, safely
from sync.diagnostics.write_tests import customers_and_projects, expenses, vouchers
from sync.diagnostics.write_tests.artifacts import NAME, WriteTestArtifacts, WriteTestContext


def plan(target: Target) -> Iterator[Message]:
    """Yield descriptions of what the write tests create, and of what stays."""
    yield msg(
        "In 24SevenOffice, called “{name}”: a customer, and project {number}; both stay.",
        name=NAME,
        number=customers_and_projects.PROJECT,
    )
    if target.syncs(EntityType.INVOICE) and target.settings.posting == "draft":
        yield msg("In 24SevenOffice, a voucher of 1 krone in a journal, which you must delete there.")
    elif target.syncs(EntityType.INVOICE):
        yield msg(
            "In 24SevenOffice, a voucher of 1 krone and its reversal, posted; both stay, and the series of "
            "outgoing invoices goes on after them."
        )
    if target.syncs(EntityType.CUSTOMER):
        yield msg("In Moment, one customer is sent the number it already has.")
    if target.syncs(EntityType.EXPENSE):
        yield msg(
            "In Moment, an activity in some project, which stays, and an expense of 1 krone, which is removed."
        )


def run_write_tests(target: Target, artifacts: WriteTestArtifacts) -> Iterator[Finding]:
    """Run the tests, also after a failure, and yield each finding at once; ``artifacts`` lists what they made."""
    context = WriteTestContext(target, artifacts)
    yield from safely("write_tests.accounting", _accounting(context))
    if target.syncs(EntityType.CUSTOMER):
        yield from safely("records.customer_number", customers_and_projects.customer_number(context))
    if target.syncs(EntityType.EXPENSE):
        yield from safely("expenses.expense", expenses.expense(context))


def _accounting(context: WriteTestContext) -> Iterator[Finding]:
    target = context.target
    customer_number = yield from customers_and_projects.customer(context)
    if customer_number is None:
        return
    project_number = None
    if target.syncs(EntityType.PROJECT):
        project_number = yield from customers_and_projects.project(context, customer_number)
    if target.syncs(EntityType.INVOICE):
        on_voucher = target.settings.factoring_id or customer_number
        yield from vouchers.voucher(context, customer_number=on_voucher, project_number=project_number)
