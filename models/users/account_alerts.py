"""Alerts to users about actions on their own account that an intruder might take."""

from datetime import datetime

from sqlalchemy.orm import Session

from i18n.messages import msg
from models.connections.alert_outbox import Alert, AlertType, queue_alert

NOT_YOU = msg(
    "If this wasn't you, sign in, sign out everywhere else under “Your account”, change your password and tell "
    "an administrator."
)

UNKNOWN_DEVICE = msg("an unknown device")


def queue_new_device(session: Session, email: str, device: str, *, now: datetime) -> None:
    message = msg("New sign-in to {email} from {device}.", email=email, device=device)
    _queue(session, email, msg("New sign-in to your account"), message, now=now)


def queue_factor_added(session: Session, email: str, *, now: datetime) -> None:
    message = msg("Signing in to {email} now also requires a code from an app.", email=email)
    _queue(session, email, msg("Second factor added to your account"), message, now=now)


def queue_factor_removed(session: Session, email: str, *, now: datetime) -> None:
    message = msg("Signing in to {email} now only requires the password.", email=email)
    _queue(session, email, msg("Second factor removed from your account"), message, now=now)


def queue_password_chosen(session: Session, email: str, *, now: datetime) -> None:
    message = msg("The password of {email} was chosen by a link in an email.", email=email)
    _queue(session, email, msg("New password for your account"), message, now=now)


def _queue(session: Session, email: str, title: str, message: str, *, now: datetime) -> None:
    alert = Alert(type=AlertType.ACCOUNT, title=title, message=message, remedy=NOT_YOU, recipients=(email,))
    queue_alert(session, None, alert, job_id=None, now=now)
