"""Alerts to users about actions on their own account that an intruder might take."""

from datetime import datetime

from sqlalchemy.orm import Session

from i18n.messages import msg
from models.connections.alert_outbox import Alert, AlertType, queue_alert

NOT_YOU = msg(
    "If this wasn't you, sign in, sign out everywhere else under “Your account”, change your password and tell "
    "an administrator."
)


def queue(session: Session, email: str, title: str, message: str, *, now: datetime) -> None:
    alert = Alert(type=AlertType.ACCOUNT, title=title, message=message, remedy=NOT_YOU, recipients=(email,))
    queue_alert(session, None, alert, job_id=None, now=now)
