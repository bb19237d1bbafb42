"""Whether 24SevenOffice tells who is there already, as far as there are records that show it."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from i18n.messages import msg
from models.enums import EntityType
from sync.diagnostics.checks.login import not_visible
from sync.diagnostics.checks.moment import latest
from sync.diagnostics.findings import Finding, Target, bad, blocks_system, good, unknown
from sync.engine.context import whole_number
from sync.errors import MisconfiguredError, RejectedError, SyncError
from sync.records import Project

MAX_PROJECTS = 5
"""How many of Moment's projects are looked for."""


def customers(target: Target) -> Iterator[Finding]:
    """See that the register tells customers that are out of use, and what has changed since an instant (S30)."""
    if not target.syncs(EntityType.CUSTOMER):
        return
    try:
        in_use, out_of_use = target.erp.count_companies()
    except SyncError as error:
        if blocks_system(error):
            raise
        yield not_visible(msg("the register of customers"), error, tests="S30")
        return
    if out_of_use:
        yield good(
            msg(
                "24SevenOffice also lists the customers and suppliers that are out of use: {out_of_use}.",
                out_of_use=out_of_use,
            ),
            tests="S30",
        )
    elif in_use:
        yield unknown(
            msg("All customers and suppliers that 24SevenOffice lists are in use."),
            msg("If some are out of use there, they are not found, and may be made a second time."),
            tests="S30",
        )


def projects(target: Target) -> Iterator[Finding]:
    """See that the list of projects leaves out none that is there, of Moment's latest (S31)."""
    if not target.syncs(EntityType.PROJECT):
        return
    numbers: set[int] = set()
    with suppress(MisconfiguredError, RejectedError):  # told of where a project is read
        numbers.update(_numbers(target))
    listed = {each.number for each in target.erp.existing_projects(numbers)} if numbers else set()
    if left_out := [number for number in sorted(numbers - listed) if target.erp.project(number)]:
        yield bad(
            msg("24SevenOffice has projects that its list leaves out: {numbers}.", numbers=_listed(left_out)),
            msg(
                "See whether they are closed there. If Moment has another project of such a number, give that one "
                "another number: it would overwrite the one that is there."
            ),
            tests="S31",
        )
    elif listed:
        yield good(
            msg("24SevenOffice lists projects that Moment has too: {numbers}.", numbers=_listed(listed)),
            tests="S31",
        )


def _numbers(target: Target) -> Iterator[int]:
    for each in latest(target, EntityType.PROJECT, limit=MAX_PROJECTS):
        with suppress(RejectedError):
            if isinstance(each, Project):
                yield whole_number(each.number, what=EntityType.PROJECT)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(numbers)))
