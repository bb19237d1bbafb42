"""Whether the login of 24SevenOffice is accepted, where it leads, and what it may see there."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from language.said import say
from models.accounts import AccountRanges
from models.words import Kind
from sync.doctor.findings import bad, closes, good
from sync.errors import Misconfigured, SyncError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from language.said import Said
    from sync.doctor.findings import Finding, Patient
    from sync.ports import OpenErp
    from sync.records import Identity

A_MINUTE = timedelta(minutes=1)


def enter(erp: OpenErp) -> Identity:
    """Tell which client of 24SevenOffice the login leads to: the one that is chosen, or the only one there is.

    Raises:
        Misconfigured: the login or the identity is wrong, or there are several to choose from.
        Unavailable: 24SevenOffice does not answer now.
    """
    reached = {identity.id.lower(): identity for identity in erp.identities()}
    chosen = reached.get(erp.identity_id().lower())
    if chosen is None:
        raise _unreachable(sum(identity.usable for identity in reached.values()))
    if not chosen.usable:
        raise _blocked()
    return chosen


def login(patient: Patient) -> Iterator[Finding]:
    """See that user name and password are accepted, and which client they lead to."""
    client = enter(patient.erp).client
    yield good(
        say("24SevenOffice accepts the login, which leads to {client}.", client=client), setting="identity_id"
    )


def services(patient: Patient) -> Iterator[Finding]:
    """Read a little of each service that is needed."""
    for name, read, tests in _reads(patient):
        try:
            read()
        except SyncError as error:
            if closes(error):
                raise
            yield hidden(name, error, tests=tests)
        else:
            yield good(say("24SevenOffice shows us {what}.", what=name), tests=tests)


def hidden(what: Said, error: SyncError, *, tests: str = "") -> Finding:
    """Tell of something that 24SevenOffice does not show us, though the login is accepted."""
    return bad(
        say("24SevenOffice does not show us {what}: {error}", what=what, error=error.message),
        say("If it stays so, give the user the right to {what} in 24SevenOffice.", what=what),
        tests=tests,
    )


def _reads(patient: Patient) -> Iterator[tuple[Said, Callable[[], object], str]]:
    """Tell what the services are about, and something cheap to read of each."""
    erp = patient.erp
    yield say("the company's own data"), erp.client_name, ""
    yield say("the chart of accounts"), erp.tax_codes, ""
    yield say("the fiscal years"), erp.fiscal_years, ""
    yield say("the ledger"), partial(_lately, patient), ""
    yield say("customers"), lambda: erp.company(1), ""
    if patient.brings(Kind.INVOICE):
        yield say("VAT codes"), erp.vat_codes, ""
    if patient.brings(Kind.PROJECT):
        yield say("projects"), lambda: erp.project(1), ""
    if patient.brings(Kind.EXPENSE):
        yield say("documents"), lambda: erp.files(1), "S15"


def _lately(patient: Patient) -> object:
    receivables = AccountRanges.read(str(patient.settings.receivables_account))
    return patient.erp.changed_vouchers(receivables, since=patient.now - A_MINUTE, until=patient.now)


def _blocked() -> Misconfigured:
    return Misconfigured(
        say("The login is blocked for the chosen client in 24SevenOffice."),
        reason="identity_blocked",
        remedy=say("Unblock it in 24SevenOffice, or choose another client in the connection's settings."),
    )


def _unreachable(usable: int) -> Misconfigured:
    """Tell how many clients the login reaches, and not which: whoever sees it may know of one of them only."""
    if not usable:
        return Misconfigured(
            say(
                "24SevenOffice refused the user name or password, or the login reaches no client that can be used."
            ),
            reason="login_refused",
            remedy=say("Correct user name and password in the connection's settings."),
        )
    return Misconfigured(
        say("The login does not reach the chosen client; it reaches {number} in 24SevenOffice.", number=usable),
        reason="identity",
        remedy=say("Fetch the clients in the connection's settings, and choose the right one."),
    )
