"""What Moment shows us: the company, its records, the activity of expenses, and what only a person can see."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from language.said import say
from models.words import Kind, several
from sync.errors import Misconfigured, SyncError
from sync.findings import bad, closes, failed, good, not_needed, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from language.said import Said
    from sync.findings import Finding, Patient

A_YEAR = timedelta(days=365)
NO_EXPENSE = "24so:0/0/0"
"""A key that no expense carries; looking for it shows whether the key may read expenses."""


def company(patient: Patient) -> Iterator[Finding]:
    """See that Moment accepts the key and has the company."""
    next(iter(patient.moment.changed(Kind.CUSTOMER, since=patient.now)), None)
    number = patient.settings.moment_company
    yield good(say("Moment accepts the API key, and has the company {company}.", company=number), tests="M16")


def records(patient: Patient) -> Iterator[Finding]:
    """Read one record of each kind that travels, as far as there is one."""
    for kind, tests in ((Kind.CUSTOMER, "M2, M5"), (Kind.PROJECT, "M3, M5"), (Kind.INVOICE, "M1, M7")):
        if patient.brings(kind):
            yield _seen(patient, kind, tests)


def expenses(patient: Patient) -> Iterator[Finding]:
    """See that the key may read expenses, and that there is an activity for them."""
    if not patient.brings(Kind.EXPENSE):
        yield not_needed(say("Expenses are off, so that nothing is brought to Moment."))
        return
    yield _told(Kind.EXPENSE, lambda: patient.moment.find_expense(NO_EXPENSE), "M4")
    name = patient.settings.expense_activity
    if patient.moment.has_activity(name):
        yield good(say("There is an activity called “{name}”.", name=name), setting="expense_activity")
    else:
        yield bad(
            say("No project in Moment has an open activity called “{name}”.", name=name),
            say("Make or open it in the projects that expenses go to, or enter another name."),
            setting="expense_activity",
            tests="M14",
        )


def by_hand(patient: Patient) -> Iterator[Finding]:
    """Name what only a person can see in Moment."""
    if patient.brings(Kind.CUSTOMER):
        yield unknown(
            say("Whether people can enter customer numbers in Moment cannot be seen from outside."),
            say("See that the field for the customer number is disabled there: 24SevenOffice gives the numbers."),
        )
    yield unknown(
        say("Until when Moment's API key is valid cannot be seen from outside."),
        say("A key lives for two years at most: put a note in the calendar to make a new one."),
        setting="moment_api_key",
    )


def _seen(patient: Patient, kind: Kind, tests: str) -> Finding:
    read: dict[Kind, Callable[[str], object]] = {
        Kind.CUSTOMER: patient.moment.customer,
        Kind.PROJECT: patient.moment.project,
        Kind.INVOICE: patient.moment.invoice,
    }

    def look() -> object:
        first = next(iter(patient.moment.changed(kind, since=patient.now - A_YEAR)), None)
        return first and read[kind](first)

    return _told(kind, look, tests)


def not_shown(what: Said, *, tests: str = "") -> Finding:
    """Tell of something that the key may not read, though it may read the company."""
    return bad(
        say("Moment's API key does not let us read {what}.", what=what),
        say("Give the key the right to {what} in Moment, or make a new one.", what=what),
        setting="moment_api_key",
        tests=tests,
    )


def _told(kind: Kind, look: Callable[[], object], tests: str) -> Finding:
    try:
        look()
    except Misconfigured:
        return not_shown(several(kind), tests=tests)
    except SyncError as error:
        if closes(error):
            raise
        return failed(error, tests=tests)
    return good(say("Moment shows us {records}.", records=several(kind)), tests=tests)
