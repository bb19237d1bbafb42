"""Whether 24SevenOffice tells who is there already, as far as there are records that show it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from language.said import say
from models.words import Kind
from sync.desk import whole_number
from sync.doctor.checkups.login import hidden
from sync.doctor.checkups.moment import latest
from sync.doctor.findings import bad, closes, good, unknown
from sync.errors import Misconfigured, Rejected, SyncError
from sync.records import Project

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sync.doctor.findings import Finding, Patient

PROJECTS = 5
"""How many of Moment's projects are looked for."""


def customers(patient: Patient) -> Iterator[Finding]:
    """See that the register tells customers that are out of use, and what has changed since an instant (S30)."""
    if not patient.brings(Kind.CUSTOMER):
        return
    try:
        in_use, out_of_use = patient.erp.register_glance()
    except SyncError as error:
        if closes(error):
            raise
        yield hidden(say("the register of customers"), error, tests="S30")
        return
    if out_of_use:
        yield good(
            say(
                "24SevenOffice also lists the customers and suppliers that are out of use: {out_of_use}.",
                out_of_use=out_of_use,
            ),
            tests="S30",
        )
    elif in_use:
        yield unknown(
            say("All customers and suppliers that 24SevenOffice lists are in use."),
            say("If some are out of use there, they are not found, and may be made a second time."),
            tests="S30",
        )


def projects(patient: Patient) -> Iterator[Finding]:
    """See that the list of projects leaves out none that is there, of Moment's latest (S31)."""
    if not patient.brings(Kind.PROJECT):
        return
    numbers: set[int] = set()
    with suppress(Misconfigured, Rejected):  # told of where a project is read
        numbers.update(_numbers(patient))
    listed = {each.number for each in patient.erp.held_projects(numbers)} if numbers else set()
    if left_out := [number for number in sorted(numbers - listed) if patient.erp.project(number)]:
        yield bad(
            say("24SevenOffice has projects that its list leaves out: {numbers}.", numbers=_told(left_out)),
            say(
                "See whether they are closed there. If Moment has another project of such a number, give that one "
                "another number: it would overwrite the one that is there."
            ),
            tests="S31",
        )
    elif listed:
        yield good(
            say("24SevenOffice lists projects that Moment has too: {numbers}.", numbers=_told(listed)), tests="S31"
        )


def _numbers(patient: Patient) -> Iterator[int]:
    for each in latest(patient, Kind.PROJECT, most=PROJECTS):
        with suppress(Rejected):
            if isinstance(each, Project):
                yield whole_number(each.number, what=Kind.PROJECT)


def _told(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
