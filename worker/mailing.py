"""Brings alerts to the people: one mail to an address for all that it is to be told, and not too often."""

from __future__ import annotations

from datetime import timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING

import structlog
from redis.exceptions import LockError

from integrations.mail.letters import compose
from models import alerts
from models.alerts import Fate
from sync.alerting import still_news
from sync.errors import Rejected, Unavailable
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

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
                _tell(bridge, address)
    except LockError:
        log.info("mailing_left_to_another")


def _tell(bridge: Bridge, address: str) -> None:
    """Send one mail with all that is still news, and write down what became of each alert."""
    waiting = alerts.unsent(bridge.database, address)
    told = still_news(waiting)
    message_id = _message_id(waiting, sender=bridge.settings.mail_from)
    try:
        fate = _send(bridge, address, told, message_id=message_id) if told else Fate.WITHDRAWN
    except Unavailable as error:
        log.warning("mail_waits", alerts=len(told), because=error.message)
        bridge.metrics.mailed("waits")
        return
    if told:
        bridge.metrics.mailed(fate)
    fates = {alert.id: fate if alert in told else Fate.WITHDRAWN for alert in waiting}
    alerts.conclude(bridge.database, fates, message_id=message_id, now=clock())


def _send(bridge: Bridge, address: str, told: Sequence[Unsent], *, message_id: str) -> Fate:
    """Send a mail and tell its fate; raises :class:`Unavailable` where the server does not take it now."""
    mail = compose(
        told,
        public_url=bridge.settings.public_url,
        sender=bridge.settings.mail_from,
        to=address,
        message_id=message_id,
        sent=clock(),
    )
    try:
        bridge.mailer.send(mail)
    except Rejected as error:
        log.error("mail_refused", alerts=len(told), because=error.message)  # noqa: TRY400 - no bug of ours
        return Fate.REFUSED
    return Fate.SENT


def _message_id(waiting: Sequence[Unsent], *, sender: str) -> str:
    """Name a mail by the alerts behind it, so that one sent twice after a crash is known as the same."""
    host = parseaddr(sender)[1].rpartition("@")[2]
    return f"<alerts-{waiting[0].id}-{waiting[-1].id}@{host}>"
