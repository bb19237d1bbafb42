"""Brings alerts to the people: one mail to an address for all that it is to be told, and not too often."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import LockError

from integrations.mail.letters import Letter, LetterItem, compose
from models import alerts
from models.alerts import Turn
from sync.errors import Rejected, Unavailable
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.message import EmailMessage

    from models.alerts import Unsent
    from worker.wiring import Bridge

log = structlog.get_logger()

PAUSE = timedelta(minutes=5)
"""Between two mails to an address: what turns meanwhile is told in one."""

LOCK_SECONDS = 300
"""More than one mail takes; so long nobody sends after the one who did has vanished."""


def send_due(bridge: Bridge) -> None:
    """Send a mail to each address that is due; where another worker does so already, leave it to that one."""
    lock = bridge.redis.lock("mailing", timeout=LOCK_SECONDS, blocking=False)
    try:
        with lock:
            for address in alerts.addresses_due(bridge.database, now=clock(), pause=PAUSE):
                lock.reacquire()
                _send(bridge, address)
    except LockError:
        log.info("mailing_left_to_another")


def _send(bridge: Bridge, address: str) -> None:
    """Send one mail. What was not sent waits for the next time, unless the server will never take it."""
    waiting = alerts.unsent(bridge.database, address)
    mail = _mail(bridge, address, waiting)
    try:
        bridge.mailer.send(mail)
    except Unavailable as error:
        log.warning("mail_waits", alerts=len(waiting), because=error.message)
        return
    except Rejected as error:
        log.error("mail_refused", alerts=len(waiting), because=error.message)  # noqa: TRY400 - no bug of ours
    alerts.mark_sent(bridge.database, waiting, message_id=mail["Message-ID"], now=clock())


def _mail(bridge: Bridge, address: str, waiting: Sequence[Unsent]) -> EmailMessage:
    """Write the mail. Its id is the same for the same alerts, so that one sent twice after a crash is known."""
    companies = list(dict.fromkeys(alert.connection for alert in waiting))
    sender = bridge.settings.mail_from
    host = parseaddr(sender)[1].rpartition("@")[2]
    return compose(
        Letter(
            company=", ".join(companies),
            items=tuple(_item(alert, bridge.settings.public_url, named=len(companies) > 1) for alert in waiting),
        ),
        sender=sender,
        to=address,
        message_id=f"<alerts-{waiting[0].id}-{waiting[-1].id}@{host}>",
        sent=clock(),
    )


def _item(alert: Unsent, public_url: str, *, named: bool) -> LetterItem:
    """Tell one alert, with the name of its connection where the letter is about several."""
    title, of_record = _title(alert), alert.change_id is not None
    return LetterItem(
        turn="worse" if alert.turn in (Turn.WORSE, Turn.REMINDER) else "better",
        title=f"{title} ({alert.connection})" if named else title,
        message=alert.message,
        remedy=alert.remedy,
        link=f"{public_url}/changes/{alert.change_id}" if of_record else public_url,
        at=alert.at,
        about="record" if of_record else "connection",
    )


def _title(alert: Unsent) -> str:
    if alert.turn is Turn.REMINDER:
        return f"Reminder: {alert.title}"
    if alert.turn is Turn.DIGEST or alert.change_id is not None:
        return alert.title
    return "The connection has stopped" if alert.turn is Turn.WORSE else "The connection works again"
