"""Who hears of what: a mail when a record turns for the worse, and one when it is well again."""

from collections.abc import Hashable, Sequence

from i18n.messages import msg
from models.connections.alert_outbox import Alert, AlertType, PendingAlert
from models.connections.repository import Connection
from models.enums import JobState
from models.inbox.leases import AttemptResult, SyncJob
from sync.errors import SyncError


def job_alert(job: SyncJob, result: AttemptResult, addresses: tuple[str, ...]) -> Alert | None:
    """Tell of a record that needs a person, once, and of its recovery; of nothing in between."""
    title = result.title or job.title or job.record.name
    if result.state is JobState.NEEDS_ATTENTION and not job.alerted:
        return Alert(AlertType.NEEDS_ATTENTION, title, result.message, result.remedy, addresses, result.error_code)
    if result.is_success and job.alerted:
        message = result.message or msg("It has come across by now; there is nothing left to do.")
        return Alert(AlertType.RESOLVED, title, message, "", addresses)
    return None


def pause_alert(connection: Connection, error: SyncError) -> Alert:
    """Tell that a connection has stopped until its settings are mended."""
    message = msg("{problem} Nothing is lost: what comes in meanwhile waits.", problem=error.message)
    return Alert(
        AlertType.PAUSED,
        connection.name,
        message,
        error.remedy,
        connection.settings.error_emails,
        error.error_code,
    )


def latest_per_subject(pending: Sequence[PendingAlert]) -> list[PendingAlert]:
    """Tell which of an address's alerts, given oldest first, are worth a mail: of each matter the latest.

    What mended itself before anybody heard of it is not told at all, nor what a person has closed meanwhile.
    """
    matters: dict[Hashable, list[PendingAlert]] = {}
    for alert in pending:
        matters.setdefault(_subject(alert), []).append(alert)
    return [alerts[-1] for alerts in matters.values() if not _is_over(alerts[0], alerts[-1])]


def _subject(alert: PendingAlert) -> Hashable:
    """Tell what an alert is about: a record, or of a connection whether it works, or its week."""
    return alert.job_id or (
        alert.connection_id,
        alert.type in {AlertType.DIGEST, AlertType.RECONCILIATION} and alert.type,
    )


def _is_over(first: PendingAlert, last: PendingAlert) -> bool:
    if last.type in (AlertType.NEEDS_ATTENTION, AlertType.REMINDER):
        return last.since is None
    return last.type in (AlertType.RESOLVED, AlertType.RECOVERED) and first.type in (
        AlertType.NEEDS_ATTENTION,
        AlertType.OUTAGE,
        AlertType.RATE_LIMITED,
        AlertType.PAUSED,
    )
