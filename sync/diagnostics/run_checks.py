"""The diagnostics of a connection, which only read; a system that refuses access is reported once."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TypeVar

import structlog

from models.enums import EntityType
from sync.diagnostics.checks import accounting_setup, connection_settings, login, moment, records
from sync.diagnostics.findings import CheckStatus, Finding, Target, blocks_system, crashed, failed
from sync.error_codes.names import IDENTITY
from sync.errors import SyncError
from sync.records import Identity

T = TypeVar("T")

log = structlog.get_logger()


class System(Enum):
    MOMENT = auto()
    TWENTYFOUR = auto()


@dataclass(frozen=True, slots=True)
class Check:
    """A check, the systems that it needs, and the entity type that must be synced for it to matter."""

    run: Callable[[Target], Iterator[Finding]]
    needs: Sequence[System] = ()
    entity_type: EntityType | None = None

    @property
    def name(self) -> str:
        """The name for programs and in reports of its own failure, such as "accounting_setup.vat_codes"."""
        return f"{self.run.__module__.rpartition('.')[2]}.{self.run.__name__}"


MOMENT, TWENTYFOUR = (System.MOMENT,), (System.TWENTYFOUR,)
BOTH = MOMENT + TWENTYFOUR

CHECKS = (
    Check(connection_settings.settings),
    Check(moment.company, MOMENT),
    Check(moment.records, MOMENT),
    Check(moment.contact_fields, MOMENT, EntityType.CUSTOMER),
    Check(moment.lists, MOMENT, EntityType.INVOICE),
    Check(records.invoices, MOMENT, EntityType.INVOICE),
    Check(moment.expenses, MOMENT),
    Check(login.login, TWENTYFOUR),
    Check(login.services, TWENTYFOUR),
    Check(records.customers, TWENTYFOUR, EntityType.CUSTOMER),
    Check(records.projects, BOTH, EntityType.PROJECT),
    Check(accounting_setup.fiscal_years, TWENTYFOUR),
    Check(accounting_setup.series, BOTH, EntityType.INVOICE),
    Check(accounting_setup.found_again, BOTH),
    Check(accounting_setup.receivables, TWENTYFOUR, EntityType.INVOICE),
    Check(accounting_setup.vat_codes, TWENTYFOUR, EntityType.INVOICE),
    Check(accounting_setup.mapped_accounts, BOTH, EntityType.INVOICE),
    Check(accounting_setup.revenue_accounts, BOTH, EntityType.INVOICE),
    Check(accounting_setup.factoring, TWENTYFOUR),
    Check(connection_settings.client_id),
    Check(accounting_setup.expense_accounts, TWENTYFOUR, EntityType.EXPENSE),
    Check(records.supplier_vouchers, TWENTYFOUR, EntityType.EXPENSE),
    Check(connection_settings.recipients),
    Check(connection_settings.webhooks),
    Check(moment.api_key, MOMENT),
    Check(moment.manual_checks, MOMENT, EntityType.CUSTOMER),
)


@dataclass(frozen=True, slots=True)
class DiagnosticsReport:
    """The findings, the clients that the login reaches, and the accounts of the connection's client, if read."""

    findings: Sequence[Finding]
    clients: Sequence[Identity] = ()
    accounts: Collection[int] = ()

    @property
    def healthy(self) -> bool:
        return all(finding.status is not CheckStatus.BAD for finding in self.findings)


def run_checks(target: Target) -> DiagnosticsReport:
    """Run all checks and return the findings; a check that crashes becomes a finding, and the others still run."""
    closed: dict[System, SyncError] = {}
    findings: list[Finding] = []
    for check in CHECKS:
        matters = check.entity_type is None or target.syncs(check.entity_type)
        if matters and closed.keys().isdisjoint(check.needs):
            found = _run_check(check, target, closed=closed, findings=findings)
            findings += (replace(each, check=check.name) for each in found)
    refusal = closed.get(System.TWENTYFOUR)
    is_ambiguous = refusal is not None and refusal.error_code == IDENTITY
    clients = _read_or_empty(target.erp.identities) if refusal is None or is_ambiguous else ()
    accounts = _read_or_empty(target.erp.tax_codes) if refusal is None else ()
    return DiagnosticsReport(findings, [each for each in clients if each.usable], accounts)


def _run_check(
    check: Check, target: Target, *, closed: dict[System, SyncError], findings: Sequence[Finding]
) -> Iterator[Finding]:
    """Run one check; a problem that was reported before, such as a refused service, is not repeated."""
    try:
        yield from check.run(target)
    except SyncError as error:
        if blocks_system(error):
            closed |= dict.fromkeys(check.needs, error)
        if not any(error.message in finding.message for finding in findings):
            yield failed(error)
    except Exception as error:
        log.exception("check_crashed", check=check.name)
        yield crashed(check.name, error)


def _read_or_empty(read: Callable[[], Collection[T]]) -> Collection[T]:
    try:
        return read()
    except SyncError:
        return ()
    except Exception:
        log.exception("check_crashed", check=read.__name__)
        return ()
