"""Sends mails: alerts, at most one mail per address every few minutes, and links to choose a password."""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage

import structlog
from redis.exceptions import LockError

from integrations.mail.alert_email import compose
from integrations.mail.mailer import MailDelayedError
from integrations.mail.messages import compose_link, domain_of
from models.connections import alert_outbox
from models.connections.alert_outbox import AlertType, DeliveryStatus, PendingAlert
from models.database import DatabaseUnavailableError
from models.users import password_links
from models.users.password_links import LinkToSend
from sync.errors import RejectedError, UnavailableError
from worker.container import Container

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
                with continue_after_crash(container):
                    _send_to(container, address)
    except LockError:
        log.info("alerts_sent_by_another_worker")


def latest_per_subject(pending: Sequence[PendingAlert]) -> list[PendingAlert]:
    """Return the latest alert of each subject, oldest first, without ended problems and dismissed jobs."""
    by_subject: dict[Hashable, list[PendingAlert]] = {}
    for alert in pending:
        by_subject.setdefault(_subject(alert), []).append(alert)
    return [alerts[-1] for alerts in by_subject.values() if not _is_over(alerts[0], alerts[-1])]


def _send_to(container: Container, address: str) -> None:
    """Send one mail with all alerts that still apply, and save the status of each."""
    pending, sender = alert_outbox.pending_alerts(container.database, address), container.settings.mail_from
    alerts, status = latest_per_subject(pending), DeliveryStatus.WITHDRAWN
    # The id is made from the alerts, so that a mail sent twice after a crash is recognized.
    message_id = f"<alerts-{pending[0].id}-{pending[-1].id}@{domain_of(sender)}>"
    if alerts:
        url, now = container.settings.public_url, container.clock()
        mail = compose(alerts, public_url=url, sender=sender, to=address, message_id=message_id, sent=now)
        try:
            status = send_mail(container, mail, alerts=len(alerts))
        except UnavailableError:
            return
    statuses = {alert.id: status if alert in alerts else DeliveryStatus.WITHDRAWN for alert in pending}
    alert_outbox.record_delivery(container.database, statuses, message_id=message_id, now=container.clock())


def _subject(alert: PendingAlert) -> Hashable:
    """Return the subject of an alert: a record, whether a connection works, another matter of it, or none."""
    if alert.connection_id is None:
        return (alert.type, alert.id)
    return alert.job_id or (alert.connection_id, alert.type in OWN_SUBJECT_TYPES and alert.type)


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


def send_due_links(container: Container) -> None:
    """Send each pending link. Stops if the mail server is silent; any other error concerns one mail only."""
    links = (
        password_links.unsent_links(container.database, now=container.clock()) if container.can_mail_links else ()
    )
    for link in links:
        try:
            with continue_after_crash(container):
                _send_link(container, link)
        except MailDelayedError:
            continue
        except UnavailableError:
            return


def _send_link(container: Container, link: LinkToSend) -> None:
    """Send a link with a new token; if that fails, the next attempt makes another. Raises UnavailableError."""
    database = container.database
    token = password_links.make_token(database, link.user_id)
    if token is None:
        return  # another worker is sending it
    address = f"{container.settings.public_url}/sign-in/link/{token}"
    try:
        mail = compose_link(link, address, sender=container.settings.mail_from, sent=container.clock())
        status = send_mail(container, mail)
    except Exception:
        password_links.delete_token(database, link.user_id, token)
        raise
    password_links.record_sent(database, link, status, now=container.clock())


def send_mail(container: Container, mail: EmailMessage, *, alerts: int = 1) -> DeliveryStatus:
    """Send a mail and return its status. Raises UnavailableError if the server does not accept it now."""
    status = DeliveryStatus.SENT
    try:
        container.mailer.send(mail)
    except RejectedError as error:
        log.error("email_refused", alerts=alerts, because=error.message)  # noqa: TRY400 - not a bug
        status = DeliveryStatus.REFUSED
    except UnavailableError as error:
        log.warning("email_delayed", alerts=alerts, because=error.message)
        container.metrics.emails.labels("delayed").inc()
        raise
    container.metrics.emails.labels(status).inc()
    return status


@contextmanager
def continue_after_crash(container: Container) -> Iterator[None]:
    """Log an unexpected error in one mail, so that the others are still sent."""
    try:
        yield
    except (DatabaseUnavailableError, UnavailableError):
        raise
    except Exception:
        log.exception("email_crashed")
        container.metrics.emails.labels("crashed").inc()
