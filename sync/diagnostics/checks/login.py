"""The checks of the login to 24SevenOffice: whether it is accepted, its client, and what it may read there."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial

from i18n.messages import Message, msg
from models.connections.account_ranges import AccountRanges
from models.enums import EntityType
from sync.diagnostics.findings import Finding, Target, bad, blocks_system, good
from sync.engine.client_identity import choose_identity
from sync.errors import SyncError
from sync.ports import InspectableErp
from sync.records import Identity

A_MINUTE = timedelta(minutes=1)


def log_in(erp: InspectableErp) -> Identity:
    """Return the 24SevenOffice client that the login reaches. Raises MisconfiguredError if that is ambiguous."""
    return choose_identity(erp.identities(), erp.identity_id())


def login(target: Target) -> Iterator[Finding]:
    client = log_in(target.erp).client
    yield good(msg("Signed in to 24SevenOffice ({client}).", client=client), setting="identity_id")


def services(target: Target) -> Iterator[Finding]:
    """Read a little from each service that is needed."""
    for name, read, tests in _reads(target):
        try:
            read()
        except SyncError as error:
            if blocks_system(error):
                raise
            yield not_visible(name, error, tests=tests)
        else:
            yield good(msg("We can read {what} in 24SevenOffice.", what=name), tests=tests)


def not_visible(what: Message, error: SyncError, *, tests: str = "") -> Finding:
    """Report data that 24SevenOffice does not return although it accepts the login."""
    return bad(
        msg("We can't read {what} in 24SevenOffice: {error}", what=what, error=error.message),
        msg("If this persists, give the user access to {what} in 24SevenOffice.", what=what),
        tests=tests,
    )


def _reads(target: Target) -> Iterator[tuple[Message, Callable[[], object], str]]:
    """Yield the name of each service with a cheap call that reads from it."""
    erp = target.erp
    receivables = AccountRanges.parse(str(target.settings.receivables_account))
    yield msg("the company's own data"), erp.client_name, ""
    yield msg("the chart of accounts"), erp.tax_codes, ""
    yield msg("the fiscal years"), erp.fiscal_years, ""
    recently = partial(erp.changed_vouchers, receivables, since=target.now - A_MINUTE, until=target.now)
    yield msg("the ledger"), recently, ""
    yield msg("customers"), lambda: erp.company(1), ""
    if target.syncs(EntityType.INVOICE):
        yield msg("VAT codes"), erp.vat_codes, ""
    if target.syncs(EntityType.PROJECT):
        yield msg("projects"), lambda: erp.project(1), ""
    if target.syncs(EntityType.EXPENSE):
        yield msg("documents"), lambda: erp.documents_of([1]), "S15"
