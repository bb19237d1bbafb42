"""Mails users the links by which they choose a password."""

import structlog

from integrations.mail.link_email import compose_link
from models.connections.alert_outbox import DeliveryStatus
from models.users import password_links
from sync.errors import RejectedError, UnavailableError
from worker.container import Container

log = structlog.get_logger()


def send_due_links(container: Container) -> None:
    """Send each link that waits, with a token made now; should this process vanish, people ask for another."""
    database = container.database
    for link in password_links.unsent(database, now=container.clock()) if container.mails_links else ():
        token = password_links.make_token(database, link.user_id)
        if token is None:
            continue  # another worker sends it
        address = f"{container.settings.public_url}/sign-in/link/{token}"
        mail = compose_link(link, address, sender=container.settings.mail_from, sent=container.clock())
        status = DeliveryStatus.SENT
        try:
            container.mailer.send(mail)
        except UnavailableError as error:
            log.warning("email_delayed", alerts=1, because=error.message)
            container.metrics.emails.labels("delayed").inc()
            password_links.unmake_token(database, link.user_id, token)
            return
        except RejectedError as error:
            log.error("email_refused", alerts=1, because=error.message)  # noqa: TRY400 - no bug of ours
            status = DeliveryStatus.REFUSED
        container.metrics.emails.labels(status).inc()
        password_links.record_sent(database, link, status, now=container.clock())
