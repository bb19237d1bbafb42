"""The doctor: looks at a connection without writing anything, and says what works, what does not, and what to do.

What is looked at is a list of checks. A system that nobody gets into is told of once; what it would take to look
further is then left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeVar

import structlog

from sync.doctor.checkups import books, login, moment, numbers, own, registers, samples
from sync.doctor.findings import Verdict, closes, crashed, failed
from sync.errors import SyncError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from sync.doctor.findings import Finding, Patient
    from sync.records import Identity

T = TypeVar("T")

log = structlog.get_logger()


class System(Enum):
    """A system that a check needs an answer of."""

    MOMENT = auto()
    TWENTYFOUR = auto()


@dataclass(frozen=True, slots=True)
class Check:
    """Something to look at, and the systems that it takes."""

    look: Callable[[Patient], Iterator[Finding]]
    needs: Sequence[System] = ()

    @property
    def name(self) -> str:
        """What it is called where it fails itself, such as "books.vat_codes"."""
        return f"{self.look.__module__.rpartition('.')[2]}.{self.look.__name__}"


MOMENT, TWENTYFOUR = (System.MOMENT,), (System.TWENTYFOUR,)
BOTH = MOMENT + TWENTYFOUR

CHECKS = (
    Check(own.settings),
    Check(moment.company, MOMENT),
    Check(moment.records, MOMENT),
    Check(samples.invoices, MOMENT),
    Check(moment.expenses, MOMENT),
    Check(login.login, TWENTYFOUR),
    Check(login.services, TWENTYFOUR),
    Check(registers.customers, TWENTYFOUR),
    Check(registers.projects, BOTH),
    Check(books.fiscal_years, TWENTYFOUR),
    Check(numbers.series, BOTH),
    Check(numbers.found_again, BOTH),
    Check(books.receivables, TWENTYFOUR),
    Check(books.vat_codes, TWENTYFOUR),
    Check(books.mapped_accounts, BOTH),
    Check(books.revenue_accounts, BOTH),
    Check(books.factoring, TWENTYFOUR),
    Check(own.client_id),
    Check(books.expense_accounts, TWENTYFOUR),
    Check(samples.purchases, TWENTYFOUR),
    Check(own.listeners),
    Check(own.webhooks),
    Check(moment.key, MOMENT),
    Check(moment.by_hand, MOMENT),
)


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, the clients that the login reaches, and the accounts of the one it leads to, if read."""

    findings: Sequence[Finding]
    clients: Sequence[Identity] = ()
    accounts: Collection[int] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong."""
        return all(finding.verdict is not Verdict.BAD for finding in self.findings)


def examine(patient: Patient) -> Report:
    """Look at everything, and tell what was found; a check that fails itself is found to, and ends no other."""
    closed: dict[System, SyncError] = {}
    findings: list[Finding] = []
    for check in CHECKS:
        if closed.keys().isdisjoint(check.needs):
            findings += _look(check, patient, closed=closed, told=findings)
    refusal = closed.get(System.TWENTYFOUR)
    undecided = refusal is not None and refusal.reason == "identity"
    clients = _known(patient.erp.identities) if refusal is None or undecided else ()
    accounts = _known(patient.erp.tax_codes) if refusal is None else ()
    return Report(findings, [each for each in clients if each.usable], accounts)


def _look(
    check: Check, patient: Patient, *, closed: dict[System, SyncError], told: Sequence[Finding]
) -> Iterator[Finding]:
    """Look at one thing; what was told of before, such as a service that refuses us, is not told of again."""
    try:
        yield from check.look(patient)
    except SyncError as error:
        if closes(error):
            closed |= dict.fromkeys(check.needs, error)
        if not any(error.message in finding.what for finding in told):
            yield failed(error)
    except Exception as error:
        log.exception("check_crashed", check=check.name)
        yield crashed(check.name, error)


def _known(read: Callable[[], Collection[T]]) -> Collection[T]:
    try:
        return read()
    except SyncError:
        return ()
    except Exception:
        log.exception("check_crashed", check=read.__name__)
        return ()
