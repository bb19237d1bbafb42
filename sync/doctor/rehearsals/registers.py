"""Tries out how 24SevenOffice keeps customers and projects, and whether Moment takes a customer number."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from language.said import say
from models.words import Kind
from sync.desk import is_int32
from sync.doctor.checkups.moment import A_YEAR
from sync.doctor.findings import bad, good, unknown
from sync.doctor.rehearsals.traces import TEST_ID, refused
from sync.errors import SyncError
from sync.records import CompanyDraft, ProjectDraft

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from sync.doctor.findings import Finding
    from sync.doctor.rehearsals.traces import Stage

ORGANIZATION_NUMBER = "310987654"
"""Right by its check digit, and nobody's: real ones begin with 8 or 9."""

PROJECT = 999_999
"""The number of the project, out of the way of those that a company gives; no call deletes one."""

MOST_LOOKED_AT = 20


def customer(stage: Stage) -> Generator[Finding, None, int | None]:
    """Save a customer, find it, and save less of it under its number; the answer is the number, if it got one.

    One that an earlier rehearsal made is taken again: it cannot be deleted, as vouchers carry it.
    """
    erp = stage.patient.erp
    known = erp.find_company(TEST_ID)
    stage.traces.begins("customer", say("the customer “{name}” in 24SevenOffice", name=stage.name))
    number = _saved(stage, f"{stage.name} (1)", ORGANIZATION_NUMBER, number=known.number if known else None)
    if isinstance(number, SyncError):
        if not number.in_doubt and not known:
            stage.traces.gone("customer")
        yield refused(number, tests="")
        return None
    told = say("customer {number} “{name}” in 24SevenOffice", number=number, name=stage.name)
    stage.traces.became("customer", told)
    yield _found(stage, number)
    yield _overwritten(stage, number)
    return number


def project(stage: Stage, customer_number: int) -> Generator[Finding, None, int | None]:
    """Save a project with the client id and read it again; the answer is its number, if it is there."""
    erp, known = stage.patient.erp, stage.patient.settings
    held = erp.project(PROJECT)
    if held and held.name != stage.name:
        what = say(
            "24SevenOffice has a project {number} already, called “{name}”.", number=PROJECT, name=held.name
        )
        yield unknown(what, say("Saving a project is not tried out here."), tests="S2")
        return None
    told = say("project {number} “{name}” in 24SevenOffice", number=PROJECT, name=stage.name)
    stage.traces.begins("project", told)
    erp.save_project(ProjectDraft(PROJECT, stage.name, customer_number, starts=stage.patient.today))
    held = erp.project(PROJECT)
    if held is None:
        yield bad(
            say("Project {number} was saved, and 24SevenOffice does not have it.", number=PROJECT),
            say("Look for it in 24SevenOffice under its name."),
            tests="S2",
        )
        return None
    stage.traces.became("project", told)
    field = known.client_id_field
    if held.client_id == known.client_id:
        what = say("A project is saved under its number, with “{id}” in {field}.", id=known.client_id, field=field)
        yield good(what, setting="client_id_field", tests="S2")
    else:
        yield bad(
            say(
                "A project was saved with “{id}” in {field}, where “{held}” stands now.",
                id=known.client_id,
                field=field,
                held=held.client_id,
            ),
            say("Choose another field for the client id in the connection's settings."),
            setting="client_id_field",
            tests="S2",
        )
    return PROJECT


def customer_number(stage: Stage) -> Iterator[Finding]:
    """Give a customer of Moment the number that it has, and see that it still has it (M2)."""
    moment, since = stage.patient.moment, stage.patient.now - A_YEAR
    for record_id in islice(moment.changed(Kind.CUSTOMER, since=since), MOST_LOOKED_AT):
        before = moment.customer(record_id)
        if before and is_int32(before.number):
            moment.return_customer_number(record_id, int(before.number))
            after = moment.customer(record_id)
            if after == before:
                what = say(
                    "Moment takes a customer number: customer {number} was given its own again.",
                    number=before.number,
                )
                yield good(what, tests="M2")
            else:
                what = say(
                    "Giving customer {number} its own number again has changed it in Moment.", number=before.number
                )
                yield bad(what, say("Look at the customer in Moment."), tests="M2")
            return
    what = say("No customer in Moment has a number yet, so that setting one is not tried out.")
    yield unknown(what, say("Test again when one has come across."), tests="M2")


def _saved(stage: Stage, name: str, organization_number: str, *, number: int | None) -> int | SyncError:
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
        [answer] = stage.patient.erp.save_companies([draft])
    except SyncError as error:
        return error
    return answer


def _found(stage: Stage, number: int) -> Finding:
    found = stage.patient.erp.find_company(TEST_ID)
    if found and found.number == number:
        return good(say("A customer is found again by Moment's id: {number}.", number=number))
    return bad(
        say("Customer {number} was saved, and is not found by Moment's id (ExternalId).", number=number),
        say("After a call without an answer a customer may be made twice: watch the customers of 24SevenOffice."),
    )


def _overwritten(stage: Stage, number: int) -> Finding:
    """Save the customer again with another name and without the organization number (S14)."""
    answer = _saved(stage, stage.name, "", number=number)
    if isinstance(answer, SyncError):
        return refused(answer, tests="S14")
    held = stage.patient.erp.company(number)
    if answer != number or held is None or held.name != stage.name:
        return bad(
            say("Customer {number} was saved again under its number, and did not change.", number=number),
            say("Look at it in 24SevenOffice: changes in Moment may not arrive."),
            tests="S14",
        )
    if held.organization_number == ORGANIZATION_NUMBER:
        return good(say("Saving a customer again leaves alone what is not sent."), tests="S14")
    return unknown(
        say("Saving a customer again empties what is not sent: its organization number is gone."),
        say("Let addresses and phone numbers travel always, or those in 24SevenOffice are lost."),
        setting="customer_details",
        tests="S14",
    )
