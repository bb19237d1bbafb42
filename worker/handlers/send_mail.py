"""Sends single mails; failures are logged and counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage

import structlog

from models.connections.alert_outbox import DeliveryStatus
from models.database import DatabaseUnavailableError
from sync.errors import RejectedError, UnavailableError
from worker.container import Container

log = structlog.get_logger()


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
def surviving_crash(container: Container) -> Iterator[None]:
    """Log an unexpected error in one mail, so that the others are still sent."""
    try:
        yield
    except (DatabaseUnavailableError, UnavailableError):
        raise
    except Exception:
        log.exception("email_crashed")
        container.metrics.emails.labels("crashed").inc()
