"""The checks of Moment: the company, its records, the activity of expenses, and what only a person can see."""

from collections.abc import Callable, Collection, Iterator
from datetime import timedelta
from functools import partial
from itertools import islice

from i18n.formatting import OSLO
from i18n.messages import Message, joined, msg
from models.connections.repository import API_KEY_LIFETIME, RENEWAL_NOTICE
from models.enums import EntityType, plural_of
from sync.diagnostics.findings import Finding, Target, bad, blocks_system, failed, good, not_needed, unknown
from sync.error_codes.names import MOMENT_INCLUDES
from sync.errors import MisconfiguredError, RejectedError, SyncError
from sync.records import Customer, Invoice, Project

A_YEAR = timedelta(days=365)
UNKNOWN_RECORD_ID = "0"
"""An id that no record has."""
UNKNOWN_EXPENSE_ID = "24so:0/0/0"
"""An external id that no expense has; searching for it shows whether the key may read expenses."""


def company(target: Target) -> Iterator[Finding]:
    next(iter(target.moment.changed(EntityType.CUSTOMER, since=target.now)), None)
    number = target.settings.moment_company
    yield good(msg("Moment accepts the API key for company {company}.", company=number), tests="M16")


def lists(target: Target) -> Iterator[Finding]:
    """Check that the list of accounts is complete."""
    try:
        count = len(target.moment.account_numbers())
    except MisconfiguredError:
        yield not_shown(msg("financial accounts"), tests="M19")
    else:
        yield good(msg("Moment returns its full list of financial accounts: {count}.", count=count), tests="M19")


def records(target: Target) -> Iterator[Finding]:
    """Read a customer and a project, if they are synced and exist, and one that does not exist."""
    for entity_type, tests in ((EntityType.CUSTOMER, "M2, M5"), (EntityType.PROJECT, "M3, M5")):
        if target.syncs(entity_type):
            yield read_finding(entity_type, partial(list, latest(target, entity_type, limit=1)), tests)
    if target.syncs(EntityType.CUSTOMER):
        yield _absent(target)


def contact_fields(target: Target) -> Iterator[Finding]:
    """Compare the fields of a customer that Moment returns with and without a request for contact fields."""
    latest_id = next(iter(target.moment.changed(EntityType.CUSTOMER, since=target.now - A_YEAR)), None)
    if latest_id is None:
        return
    unasked, missing = target.moment.contact_fields(latest_id)
    if missing:
        yield unknown(
            msg(
                "Moment doesn't return these customer fields even though we request them: {fields}.",
                fields=joined(*missing),
            ),
            msg("These fields stay unchanged in 24SevenOffice and are missing on new customers."),
            tests="M20",
        )
    elif unasked:
        what = msg("Moment returns these customer fields without a request: {fields}.", fields=joined(*unasked))
        yield good(what, tests="M20")
    else:
        yield good(msg("Moment returns email, phone and addresses of customers on request."), tests="M20")


def latest(target: Target, entity_type: EntityType, *, limit: int) -> Iterator[Customer | Project | Invoice]:
    """Read some of the records of a type that changed within a year."""
    read: dict[EntityType, Callable[[str], Customer | Project | Invoice | None]] = {
        EntityType.CUSTOMER: target.moment.customer,
        EntityType.PROJECT: target.moment.project,
        EntityType.INVOICE: target.moment.invoice,
    }
    for record_id in islice(target.moment.changed(entity_type, since=target.now - A_YEAR), limit):
        if record := read[entity_type](record_id):
            yield record


def expenses(target: Target) -> Iterator[Finding]:
    if not target.syncs(EntityType.EXPENSE):
        yield not_needed(msg("Expenses are off, so nothing is imported to Moment."))
        return
    yield read_finding(EntityType.EXPENSE, lambda: target.moment.find_expense(UNKNOWN_EXPENSE_ID), "M4")
    name = target.settings.expense_activity
    if target.moment.has_activity(name):
        yield good(msg("There is an activity called “{name}”.", name=name), setting="expense_activity")
    else:
        yield bad(
            msg("No project in Moment has an open activity called “{name}”.", name=name),
            msg("Create or open it in the projects that expenses go to, or enter another name."),
            setting="expense_activity",
        )


def api_key(target: Target) -> Iterator[Finding]:
    remedy = msg("Keys expire after at most two years. Set a reminder to renew it.")
    if target.api_key_saved_at is None:
        what = msg("We can't check when Moment's API key expires.")
        yield unknown(what, remedy, setting="moment_api_key")
        return
    saved, ends = (
        at.astimezone(OSLO) for at in (target.api_key_saved_at, target.api_key_saved_at + API_KEY_LIFETIME)
    )
    what = msg(
        "Moment's API key was entered on {saved} and expires on {ends} at the latest.",
        saved=f"{saved:%d.%m.%Y}",
        ends=f"{ends:%d.%m.%Y}",
    )
    if ends - target.now > RENEWAL_NOTICE:
        reminded = msg("The alert recipients get an email 30, 14 and 3 days before.")
        yield unknown(what, reminded, setting="moment_api_key")
    else:
        renew = msg("Create a new API key in Moment, and enter it in the connection's settings.")
        yield bad(what, renew, setting="moment_api_key")


def manual_checks(_: Target) -> Iterator[Finding]:
    yield unknown(
        msg("We can't check whether customer numbers can be edited in Moment."),
        msg("Make sure the customer number field is disabled there: 24SevenOffice assigns the numbers."),
    )


def _absent(target: Target) -> Finding:
    """Check that the response shows that a record is missing: deletions are detected by that."""
    try:
        customer = target.moment.customer(UNKNOWN_RECORD_ID)
    except (MisconfiguredError, RejectedError) as error:
        what = msg("Moment responds unexpectedly for missing records: {error}", error=error.message)
        return unknown(what, msg("Records deleted in Moment may then look like errors."), tests="M5")
    if customer is None:
        return good(msg("Moment responds as expected for missing records."), tests="M5")
    return not_needed(msg("Moment has a customer {id}.", id=UNKNOWN_RECORD_ID))


def not_shown(what: Message, *, tests: str = "") -> Finding:
    """Report data that the key may not read although it may read the company."""
    return bad(
        msg("Moment's API key has no read access to {what}.", what=what),
        msg("Give the key access to {what} in Moment, or create a new one.", what=what),
        setting="moment_api_key",
        tests=tests,
    )


def read_finding(
    entity_type: EntityType, read: Callable[[], Collection[object] | str | None], tests: str
) -> Finding:
    """Return whether records of a type can be read, by calling ``read``, which returns what it read."""
    try:
        records_read = read()
    except SyncError as error:
        if isinstance(error, MisconfiguredError) and error.error_code != MOMENT_INCLUDES:
            return not_shown(plural_of(entity_type), tests=tests)
        if blocks_system(error):
            raise
        return failed(error, tests=tests)
    if records_read == []:
        what = msg(
            "Moment has no {records} from the past year, so we couldn't check the data format.",
            records=plural_of(entity_type),
        )
        return unknown(what, msg("Test the connection again when there are some."), tests=tests)
    return good(msg("We can read {records} in Moment.", records=plural_of(entity_type)), tests=tests)
