"""Diagnostics of a connection: collects what they need, and stores the findings."""

from contextlib import suppress

from models.connections.repository import Connection
from models.connections.settings import ConnectionSettings
from models.enums import PENDING, EntityType, JobState, Lane
from models.inbox import due, links, missed_webhooks, webhook_intake
from sync.diagnostics.checks.login import log_in
from sync.diagnostics.findings import CheckStatus, Target
from sync.diagnostics.run_checks import DiagnosticsReport, run_checks
from sync.engine.client_identity import choose_identity
from sync.errors import MisconfiguredError
from sync.records import Identity
from worker.container import Container


def check_login(container: Container, settings: ConnectionSettings) -> Identity:
    """Call both systems, and return the chosen or only client. Raises MisconfiguredError and UnavailableError."""
    next(iter(container.moment(settings).changed(EntityType.CUSTOMER, since=container.clock())), None)
    erp = container.erp(settings)
    identity = log_in(erp)
    erp.fiscal_years()
    return identity


def run_diagnostics(container: Container, connection: Connection) -> DiagnosticsReport:
    """Run the checks, which read only, after clearing the caches, and save how many errors they find."""
    container.cache.for_connection(connection.id).clear()
    began = container.clock()
    report = run_checks(target_of(container, connection))
    failed_checks = sum(finding.status is CheckStatus.BAD for finding in report.findings)
    container.connections.save_test_result(connection.id, failed_checks=failed_checks, at=began)
    with suppress(MisconfiguredError):  # the client is ambiguous
        client = choose_identity(report.clients, connection.settings.identity_id).client
        container.connections.save_client_name(connection.id, connection.settings, client)
    return report


def target_of(container: Container, connection: Connection) -> Target:
    """Collect what the checks need, without cached data from either system."""
    database, invoices = container.database, Lane(connection.id, EntityType.INVOICE)
    return Target(
        connection.settings,
        moment=container.moment(connection.settings),
        erp=container.erp(connection.settings, charged_to=connection.id, login_of=connection.id),
        now=container.clock(),
        last_webhooks=webhook_intake.latest_activity(database, connection.id),
        missed_webhooks=missed_webhooks.count(database, connection.id, now=container.clock()),
        pending_invoices=due.count_in(database, invoices, *PENDING),
        refused_invoices=due.count_in(database, invoices, JobState.NEEDS_ATTENTION),
        last_invoice=links.find_latest(database, connection.id, EntityType.INVOICE),
        api_key_saved_at=connection.api_key_saved_at,
    )
