"""Mails users the links by which they choose a password."""

import structlog

from integrations.mail.link_email import compose_link
from integrations.mail.mailer import MailDelayedError
from models.connections.alert_outbox import DeliveryStatus
from models.database import DatabaseUnavailableError
from models.users import password_links
from models.users.password_links import LinkToSend
from sync.errors import RejectedError, UnavailableError
from worker.container import Container

log = structlog.get_logger()


def send_due_links(container: Container) -> None:
    """Send each link that waits, until the mail server does not answer; one mail does not stop the others."""
    links = password_links.unsent(container.database, now=container.clock()) if container.mails_links else ()
    for link in links:
        try:
            _send(container, link)
        except UnavailableError as error:
            log.warning("email_delayed", alerts=1, because=error.message)
            container.metrics.emails.labels("delayed").inc()
            if not isinstance(error, MailDelayedError):
                return
        except DatabaseUnavailableError:
            raise
        except Exception:  # one link must stop neither the others nor the alerts
            log.exception("email_crashed")
            container.metrics.emails.labels("crashed").inc()


def _send(container: Container, link: LinkToSend) -> None:
    """Send a link with a token made now; should this process vanish, it is lost and people ask for another.

    Where the mail is not sent, another token is made next time. Raises UnavailableError.
    """
    database, status = container.database, DeliveryStatus.SENT
    token = password_links.make_token(database, link.user_id)
    if token is None:
        return  # another worker sends it
    address = f"{container.settings.public_url}/sign-in/link/{token}"
    try:
        mail = compose_link(link, address, sender=container.settings.mail_from, sent=container.clock())
        container.mailer.send(mail)
    except RejectedError as error:
        log.error("email_refused", alerts=1, because=error.message)  # noqa: TRY400 - no bug of ours
        status = DeliveryStatus.REFUSED
    except Exception:
        password_links.unmake_token(database, link.user_id, token)
        raise
    container.metrics.emails.labels(status).inc()
    password_links.record_sent(database, link, status, now=container.clock())
