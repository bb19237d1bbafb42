"""Mails users links to choose a password."""

from integrations.mail.link_email import compose_link
from integrations.mail.mailer import MailDelayedError
from models.users import password_links
from models.users.password_links import LinkToSend
from sync.errors import UnavailableError
from worker.container import Container
from worker.handlers.send_mail import send_mail, surviving_crash


def send_due_links(container: Container) -> None:
    """Send each pending link. Stops if the mail server is silent; any other error concerns one mail only."""
    links = password_links.unsent(container.database, now=container.clock()) if container.mails_links else ()
    for link in links:
        try:
            with surviving_crash(container):
                _send(container, link)
        except MailDelayedError:
            continue
        except UnavailableError:
            return


def _send(container: Container, link: LinkToSend) -> None:
    """Send a link with a new token. If this process is killed, the token is lost and the user asks for another.

    If the mail is not sent, the next attempt makes another token. Raises UnavailableError.
    """
    database = container.database
    token = password_links.make_token(database, link.user_id)
    if token is None:
        return  # another worker is sending it
    address = f"{container.settings.public_url}/sign-in/link/{token}"
    try:
        mail = compose_link(link, address, sender=container.settings.mail_from, sent=container.clock())
        status = send_mail(container, mail)
    except Exception:
        password_links.unmake_token(database, link.user_id, token)
        raise
    password_links.record_sent(database, link, status, now=container.clock())
