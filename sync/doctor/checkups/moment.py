"""What Moment shows us: the company, its records, the activity of expenses, and what only a person can see."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from language.said import say
from models.words import Kind, several
from sync.doctor.findings import OSLO, bad, closes, failed, good, not_needed, unknown
from sync.errors import Misconfigured, Rejected, SyncError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from language.said import Said
    from sync.doctor.findings import Finding, Patient
    from sync.records import Customer, Invoice, Project

A_YEAR = timedelta(days=365)
KEY_LIVES = 2 * A_YEAR
RENEWED_BEFORE = timedelta(days=60)
"""How long before its end a key is to be renewed."""
NO_RECORD = "0"
"""An id that no record has."""
NO_EXPENSE = "24so:0/0/0"
"""A key that no expense carries; looking for it shows whether the key may read expenses."""


def company(patient: Patient) -> Iterator[Finding]:
    """See that Moment accepts the key and has the company."""
    next(iter(patient.moment.changed(Kind.CUSTOMER, since=patient.now)), None)
    number = patient.settings.moment_company
    yield good(say("Moment accepts the API key, and has the company {company}.", company=number), tests="M16")


def records(patient: Patient) -> Iterator[Finding]:
    """Read one customer and one project, as far as they travel and there is one, and one that is not there."""
    for kind, tests in ((Kind.CUSTOMER, "M2, M5"), (Kind.PROJECT, "M3, M5")):
        if patient.brings(kind):
            yield told(kind, partial(_one, patient, kind), tests)
    if patient.brings(Kind.CUSTOMER):
        yield _absent(patient)


def _one(patient: Patient, kind: Kind) -> Sequence[object]:
    return list(latest(patient, kind, most=1))


def latest(patient: Patient, kind: Kind, *, most: int) -> Iterator[Customer | Project | Invoice]:
    """Read some of the records of a kind that changed within a year."""
    read: dict[Kind, Callable[[str], Customer | Project | Invoice | None]] = {
        Kind.CUSTOMER: patient.moment.customer,
        Kind.PROJECT: patient.moment.project,
        Kind.INVOICE: patient.moment.invoice,
    }
    for record_id in islice(patient.moment.changed(kind, since=patient.now - A_YEAR), most):
        if record := read[kind](record_id):
            yield record


def expenses(patient: Patient) -> Iterator[Finding]:
    """See that the key may read expenses, and that there is an activity for them."""
    if not patient.brings(Kind.EXPENSE):
        yield not_needed(say("Expenses are off, so that nothing is brought to Moment."))
        return
    yield told(Kind.EXPENSE, lambda: patient.moment.find_expense(NO_EXPENSE), "M4")
    name = patient.settings.expense_activity
    if patient.moment.has_activity(name):
        yield good(say("There is an activity called “{name}”.", name=name), setting="expense_activity")
    else:
        yield bad(
            say("No project in Moment has an open activity called “{name}”.", name=name),
            say("Make or open it in the projects that expenses go to, or enter another name."),
            setting="expense_activity",
        )


def key(patient: Patient) -> Iterator[Finding]:
    """Tell until when Moment's API key can be valid, going by when it was entered."""
    remedy = say("A key lives for two years at most: put a note in the calendar to make a new one.")
    if patient.key_saved is None:
        what = say("Until when Moment's API key is valid cannot be seen from outside.")
        yield unknown(what, remedy, setting="moment_api_key")
        return
    saved, ends = (at.astimezone(OSLO) for at in (patient.key_saved, patient.key_saved + KEY_LIVES))
    what = say(
        "Moment's API key was entered on {saved}, so that it ends on {ends} at the latest.",
        saved=f"{saved:%d.%m.%Y}",
        ends=f"{ends:%d.%m.%Y}",
    )
    if ends - patient.now > RENEWED_BEFORE:
        yield unknown(what, remedy, setting="moment_api_key")
    else:
        renew = say("Make a new API key in Moment, and enter it in the connection's settings.")
        yield bad(what, renew, setting="moment_api_key")


def by_hand(patient: Patient) -> Iterator[Finding]:
    """Name what only a person can see in Moment."""
    if patient.brings(Kind.CUSTOMER):
        yield unknown(
            say("Whether people can enter customer numbers in Moment cannot be seen from outside."),
            say("See that the field for the customer number is disabled there: 24SevenOffice gives the numbers."),
        )


def _absent(patient: Patient) -> Finding:
    """See that a record that is not there is told from one that is, as deletions are seen by that."""
    try:
        there = patient.moment.customer(NO_RECORD)
    except (Misconfigured, Rejected) as error:
        what = say(
            "Moment answers otherwise than assumed for a record that it does not have: {error}",
            error=error.message,
        )
        return unknown(what, say("A record that is deleted in Moment may then look like an error."), tests="M5")
    if there is None:
        return good(say("Moment answers as assumed for a record that it does not have."), tests="M5")
    return not_needed(say("Moment has a customer {id}.", id=NO_RECORD))


def not_shown(what: Said, *, tests: str = "") -> Finding:
    """Tell of something that the key may not read, though it may read the company."""
    return bad(
        say("Moment's API key does not let us read {what}.", what=what),
        say("Give the key the right to {what} in Moment, or make a new one.", what=what),
        setting="moment_api_key",
        tests=tests,
    )


def told(kind: Kind, look: Callable[[], Collection[object] | str | None], tests: str) -> Finding:
    """Tell whether records of a kind can be read, going by whether ``look`` does; it answers with what it saw."""
    try:
        seen = look()
    except Misconfigured:
        return not_shown(several(kind), tests=tests)
    except SyncError as error:
        if closes(error):
            raise
        return failed(error, tests=tests)
    if seen == []:
        what = say(
            "Moment has no {records} of the last year, so that it is not seen how they look.",
            records=several(kind),
        )
        return unknown(what, say("Test the connection again when there are some."), tests=tests)
    return good(say("Moment shows us {records}.", records=several(kind)), tests=tests)
