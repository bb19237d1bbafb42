"""What users are told by mail of their own account: what somebody might do who has got into it."""

from datetime import datetime

from sqlalchemy.orm import Session

from i18n.messages import msg
from models.connections.alert_outbox import Alert, AlertType, queue_alert

NOT_YOU = msg(
    "If it was not you: sign in, sign out everywhere else under “Your account”, change the password, and tell an "
    "administrator."
)


UNKNOWN_DEVICE = msg("an unknown device")


def queue_new_device(session: Session, email: str, device: str, *, now: datetime) -> None:
    message = msg("Somebody signed in as {email} with {device}.", email=email, device=device)
    _queue(session, email, msg("Your account was used on a new device"), message, now=now)


def queue_factor_added(session: Session, email: str, *, now: datetime) -> None:
    message = msg("From now on the account {email} is signed in to with a code of an app too.", email=email)
    _queue(session, email, msg("Your account has a second factor"), message, now=now)


def queue_factor_removed(session: Session, email: str, *, now: datetime) -> None:
    message = msg("From now on the account {email} is signed in to with the password alone.", email=email)
    _queue(session, email, msg("Your account has no second factor any more"), message, now=now)


def _queue(session: Session, email: str, title: str, message: str, *, now: datetime) -> None:
    alert = Alert(AlertType.ACCOUNT, title, message, NOT_YOU, (email,))
    queue_alert(session, None, alert, job_id=None, now=now)
