"""Sends alerts: at most one mail per address every few minutes, with all its alerts."""

from collections.abc import Hashable, Sequence
from datetime import timedelta

import structlog
from redis.exceptions import LockError

from integrations.mail.alert_email import compose
from integrations.mail.new_mail import domain_of
from models.connections import alert_outbox
from models.connections.alert_outbox import AlertType, DeliveryStatus, PendingAlert
from sync.errors import UnavailableError
from worker.container import Container
from worker.handlers.send_mail import send_mail, surviving_crash

log = structlog.get_logger()

OWN_SUBJECT_TYPES = {
    AlertType.CLOCK,
    AlertType.WEBHOOK,
    AlertType.API_KEY,
    AlertType.DIGEST,
    AlertType.RECONCILIATION,
}
"""Alert types that say nothing about whether a connection works; they have a subject of their own."""

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
                with surviving_crash(container):
                    _send_to(container, address)
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
    except UnavailableError:
        return
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
    return send_mail(container, mail, alerts=len(pending))


def _message_id(pending: Sequence[PendingAlert], *, sender: str) -> str:
    """Return an id made from the alerts, so that a mail sent twice after a crash is recognized."""
    return f"<alerts-{pending[0].id}-{pending[-1].id}@{domain_of(sender)}>"


def _subject(alert: PendingAlert) -> Hashable:
    """Return the subject of an alert: a record, whether a connection works, another matter of it, or none."""
    if alert.connection_id is None:
        return (alert.type, alert.id)
    return alert.job_id or (
        alert.connection_id,
        alert.type in OWN_SUBJECT_TYPES and alert.type,
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
