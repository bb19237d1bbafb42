"""Sends alerts: at most one mail per address every few minutes, with all its alerts."""

from collections.abc import Hashable, Sequence
from datetime import timedelta
from email.utils import parseaddr

import structlog
from redis.exceptions import LockError

from integrations.mail.alert_email import compose, in_ascii
from models.connections import alert_outbox
from models.connections.alert_outbox import AlertType, DeliveryStatus, PendingAlert
from models.database import DatabaseUnavailableError
from sync.errors import RejectedError, UnavailableError
from worker.container import Container

log = structlog.get_logger()

OF_THEIR_OWN = {
    AlertType.CLOCK,
    AlertType.WEBHOOK,
    AlertType.API_KEY,
    AlertType.DIGEST,
    AlertType.RECONCILIATION,
}
"""Alerts about a connection that do not say whether it works."""

PAUSE_BETWEEN_EMAILS = timedelta(minutes=5)
"""Time between two mails to an address; alerts from this time are sent together."""

LOCK_SECONDS = 300
"""Longer than one mail takes: after a sender is killed, no other sends for this long."""


def send_due_alerts(container: Container) -> None:
    """Send a mail to each address that is due, unless another worker is already doing so."""
    lock = container.redis.lock("mailing", timeout=LOCK_SECONDS, blocking=False)
    try:
        with lock:
            for address in alert_outbox.recipients_due(
                container.database, now=container.clock(), pause=PAUSE_BETWEEN_EMAILS
            ):
                lock.reacquire()
                try:
                    _send_to(container, address)
                except DatabaseUnavailableError:
                    raise
                except Exception:  # one address must not stop the others
                    log.exception("email_crashed")
                    container.metrics.emails.labels("crashed").inc()
    except LockError:
        log.info("alerts_sent_by_another_worker")


def latest_per_subject(pending: Sequence[PendingAlert]) -> list[PendingAlert]:
    """Return the latest alert of each subject from an address's alerts, which come oldest first.

    Problems that ended before any mail are left out, as are jobs that someone has dismissed.
    """
    matters: dict[Hashable, list[PendingAlert]] = {}
    for alert in pending:
        matters.setdefault(_subject(alert), []).append(alert)
    return [alerts[-1] for alerts in matters.values() if not _is_over(alerts[0], alerts[-1])]


def _send_to(container: Container, address: str) -> None:
    """Send one mail with all alerts that still apply, and save the status of each."""
    pending = alert_outbox.pending_alerts(container.database, address)
    told = latest_per_subject(pending)
    message_id = _message_id(pending, sender=container.settings.mail_from)
    try:
        status = _send(container, address, told, message_id=message_id) if told else DeliveryStatus.WITHDRAWN
    except UnavailableError as error:
        log.warning("email_delayed", alerts=len(told), because=error.message)
        container.metrics.emails.labels("delayed").inc()
        return
    if told:
        container.metrics.emails.labels(status).inc()
    statuses = {alert.id: status if alert in told else DeliveryStatus.WITHDRAWN for alert in pending}
    alert_outbox.record_delivery(container.database, statuses, message_id=message_id, now=container.clock())


def _send(
    container: Container, address: str, pending: Sequence[PendingAlert], *, message_id: str
) -> DeliveryStatus:
    """Send a mail and return its status. Raises :class:`UnavailableError` if the server does not accept it now."""
    mail = compose(
        pending,
        public_url=container.settings.public_url,
        sender=container.settings.mail_from,
        to=address,
        message_id=message_id,
        sent=container.clock(),
    )
    try:
        container.mailer.send(mail)
    except RejectedError as error:
        log.error("email_refused", alerts=len(pending), because=error.message)  # noqa: TRY400 - not a bug
        return DeliveryStatus.REFUSED
    return DeliveryStatus.SENT


def _message_id(pending: Sequence[PendingAlert], *, sender: str) -> str:
    """Return an id made from the alerts, so that a mail sent twice after a crash is recognized."""
    host = in_ascii(parseaddr(sender)[1]).rpartition("@")[2]
    return f"<alerts-{pending[0].id}-{pending[-1].id}@{host}>"


def _subject(alert: PendingAlert) -> Hashable:
    """Return the subject of an alert: a record, whether a connection works, another matter of it, or none."""
    if alert.connection_id is None:
        return (alert.type, alert.id)
    return alert.job_id or (
        alert.connection_id,
        alert.type in OF_THEIR_OWN and alert.type,
    )


def _is_over(first: PendingAlert, last: PendingAlert) -> bool:
    if last.type in (AlertType.NEEDS_ATTENTION, AlertType.REMINDER):
        return last.since is None
    return last.type in (AlertType.RESOLVED, AlertType.RECOVERED) and first.type in (
        AlertType.NEEDS_ATTENTION,
        AlertType.OVERDUE,
        AlertType.OUTAGE,
        AlertType.STALLED,
        AlertType.RATE_LIMITED,
        AlertType.PAUSED,
    )
