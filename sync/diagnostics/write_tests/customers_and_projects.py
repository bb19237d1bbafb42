"""Write tests of customers and projects in 24SevenOffice, and of a customer number in Moment."""

from collections.abc import Generator, Iterator
from itertools import islice

from i18n.messages import msg
from models.enums import EntityType
from sync.diagnostics.checks.moment import A_YEAR
from sync.diagnostics.findings import Finding, bad, good, unknown
from sync.diagnostics.write_tests.artifacts import TEST_ID, WriteTestContext, write_failed
from sync.errors import SyncError
from sync.records import CompanyDraft, ProjectDraft
from sync.rules.record_numbers import is_int32

ORGANIZATION_NUMBER = "310987654"
"""An organization number with a valid check digit that no company has: real ones begin with 8 or 9."""

PROJECT = 999_999
"""A project number far from those that companies use; no call deletes a project."""

MAX_CUSTOMERS_READ = 20


def customer(context: WriteTestContext) -> Generator[Finding, None, int | None]:
    """Save a customer or that of an earlier test, find it, and save it with fewer fields. Return its number."""
    erp = context.target.erp
    known = erp.find_company(TEST_ID)
    context.artifacts.creating("customer", msg("the customer “{name}” in 24SevenOffice", name=context.name))
    number = _save(context, f"{context.name} (1)", ORGANIZATION_NUMBER, number=known.number if known else None)
    if isinstance(number, SyncError):
        if not number.outcome_unknown and not known:
            context.artifacts.removed("customer")
        yield write_failed(number, tests="")
        return None
    what = msg("customer {number} “{name}” in 24SevenOffice", number=number, name=context.name)
    context.artifacts.created("customer", what)
    yield _find_finding(context, number)
    yield _overwrite_finding(context, number)
    return number


def project(context: WriteTestContext, customer_number: int) -> Generator[Finding, None, int | None]:
    """Save a project with the client id and read it again. Return its number, if it exists."""
    erp, settings = context.target.erp, context.target.settings
    existing = erp.project(PROJECT)
    if existing and existing.name != context.name:
        what = msg(
            "24SevenOffice already has a project {number}, called “{name}”.", number=PROJECT, name=existing.name
        )
        yield unknown(what, msg("Saving a project isn't tested here."), tests="S2")
        return None
    artifact = msg("project {number} “{name}” in 24SevenOffice", number=PROJECT, name=context.name)
    context.artifacts.creating("project", artifact)
    erp.save_project(ProjectDraft(PROJECT, context.name, customer_number, starts=context.target.today))
    saved = erp.project(PROJECT)
    if saved is None:
        yield bad(
            msg("Project {number} was saved but doesn't exist in 24SevenOffice.", number=PROJECT),
            msg("Look for it in 24SevenOffice under its name."),
            tests="S2",
        )
        return None
    context.artifacts.created("project", artifact)
    client_id, field = settings.client_id, settings.client_id_field
    if saved.client_id == client_id:
        what = msg("A project is saved under its number, with “{id}” in {field}.", id=client_id, field=field)
        yield good(what, setting="client_id_field", tests="S2")
    else:
        yield bad(
            msg(
                "A project was saved with “{id}” in {field}, which now contains “{held}”.",
                id=client_id,
                field=field,
                held=saved.client_id,
            ),
            msg("Choose another field for the client id in the connection's settings."),
            setting="client_id_field",
            tests="S2",
        )
    return PROJECT


def customer_number(context: WriteTestContext) -> Iterator[Finding]:
    """Send a Moment customer the number that it has, and check that nothing changes (M2)."""
    moment, since = context.target.moment, context.target.now - A_YEAR
    for record_id in islice(moment.changed(EntityType.CUSTOMER, since=since), MAX_CUSTOMERS_READ):
        before = moment.customer(record_id)
        if before and is_int32(before.number):
            moment.write_customer_number(record_id, int(before.number))
            after = moment.customer(record_id)
            if after == before:
                what = msg(
                    "Moment accepts a customer number: customer {number} was sent its own again.",
                    number=before.number,
                )
                yield good(what, tests="M2")
            else:
                what = msg(
                    "Customer {number} changed in Moment when sent its own number again.", number=before.number
                )
                yield bad(what, msg("Check the customer in Moment."), tests="M2")
            return
    what = msg("No customer in Moment has a number yet, so setting one wasn't tested.")
    yield unknown(what, msg("Test again once one has synced."), tests="M2")


def _save(
    context: WriteTestContext, name: str, organization_number: str, *, number: int | None
) -> int | SyncError:
    draft = CompanyDraft(
        moment_id=TEST_ID,
        name=name,
        organization_number=organization_number,
        email="",
        invoice_email="",
        is_company=True,
        number=number,
    )
    try:
        [saved] = context.target.erp.save_companies([draft])
    except SyncError as error:
        return error
    return saved


def _find_finding(context: WriteTestContext, number: int) -> Finding:
    found = context.target.erp.find_company(TEST_ID)
    if found and found.number == number:
        return good(msg("A customer can be found by its Moment id: {number}.", number=number))
    return bad(
        msg("Customer {number} was saved but can't be found by its Moment id (ExternalId).", number=number),
        msg(
            "A customer may be created twice after a call without a response: keep an eye on the customers in "
            "24SevenOffice."
        ),
    )


def _overwrite_finding(context: WriteTestContext, number: int) -> Finding:
    """Save the customer again with another name and without the organization number (S14)."""
    saved = _save(context, context.name, "", number=number)
    if isinstance(saved, SyncError):
        return write_failed(saved, tests="S14")
    company = context.target.erp.company(number)
    if saved != number or company is None or company.name != context.name:
        return bad(
            msg("Customer {number} was saved again under its number but didn't change.", number=number),
            msg("Check it in 24SevenOffice: changes in Moment may not arrive."),
            tests="S14",
        )
    if company.organization_number == ORGANIZATION_NUMBER:
        return good(msg("Saving a customer again keeps fields that aren't sent."), tests="S14")
    return unknown(
        msg("Saving a customer again clears fields that aren't sent: its organization number is gone."),
        msg("Set addresses and phone numbers to sync on every change, or those in 24SevenOffice are lost."),
        setting="customer_details",
        tests="S14",
    )
