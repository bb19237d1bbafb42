"""Mails users links to choose a password."""

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
    """Send each pending link. Stops if the mail server does not answer; any other error concerns one mail only."""
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
    """Send a link with a new token. If this process is killed, the token is lost and the user asks for another.

    If the mail is not sent, the next attempt makes another token. Raises UnavailableError.
    """
    database, status = container.database, DeliveryStatus.SENT
    token = password_links.make_token(database, link.user_id)
    if token is None:
        return  # another worker is sending it
    address = f"{container.settings.public_url}/sign-in/link/{token}"
    try:
        mail = compose_link(link, address, sender=container.settings.mail_from, sent=container.clock())
        container.mailer.send(mail)
    except RejectedError as error:
        log.error("email_refused", alerts=1, because=error.message)  # noqa: TRY400 - not a bug
        status = DeliveryStatus.REFUSED
    except Exception:
        password_links.unmake_token(database, link.user_id, token)
        raise
    container.metrics.emails.labels(status).inc()
    password_links.record_sent(database, link, status, now=container.clock())
