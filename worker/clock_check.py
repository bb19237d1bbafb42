"""What happens on a host whose clock is wrong: it drains no lanes, and an alert is sent."""

import structlog
from redis.exceptions import RedisError

from i18n.messages import msg
from models.connections import alert_outbox
from models.connections.alert_outbox import Alert, AlertType
from models.connections.repository import Connection
from worker.container import Container

log = structlog.get_logger()

ALERTED = "clock_alerted"
ALERT_SECONDS = 24 * 3600
"""Minimum time between two alerts about a clock."""


def is_off(container: Container) -> bool:
    """Return whether this host's clock is wrong, so that it must leave lanes to others; queue an alert if so."""
    if not container.shared_clock.is_off:
        return False
    skew = container.shared_clock.skew
    if skew is None:
        log.warning("clock_not_measured")
        return True
    seconds = skew.total_seconds()
    log.error("clock_is_off", seconds=round(seconds))
    try:
        first = container.redis.set(ALERTED, "", nx=True, ex=ALERT_SECONDS)
    except RedisError:
        first = False  # the next message tries again, once Redis is back
    if first:
        for connection in container.connections.all():
            alert = _alert(connection, minutes=round(abs(seconds) / 60))
            alert_outbox.queue_connection_alert(container.database, connection.id, alert, now=container.clock())
    return True


def _alert(connection: Connection, *, minutes: int) -> Alert:
    return Alert(
        type=AlertType.CLOCK,
        title=connection.name,
        message=msg(
            "The clock on one of the integration's servers is {minutes} minutes off, so that server doesn't "
            "sync anything. No data is lost: other servers continue, and without them records are queued.",
            minutes=minutes,
        ),
        remedy=msg("Ask your system administrator to set the server's clock."),
        recipients=connection.settings.error_emails,
    )
