"""What the connection itself says: its settings, who hears of errors, and whether Moment notifies it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from language.said import listed, say
from models.settings import contradictions
from models.words import Kind, several
from sync.doctor.findings import OSLO, bad, good, not_needed, unknown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sync.doctor.findings import Finding, Patient


LATELY = timedelta(days=30)
"""How old the last notification of a kind may be before a person is asked to look."""


def settings(patient: Patient) -> Iterator[Finding]:
    """See that the settings go together, and that something travels."""
    wrong = contradictions(patient.settings)
    for setting, why in wrong.items():
        yield bad(why, say("Correct it in the connection's settings."), setting=setting)
    if "kinds" not in wrong:
        travelling = (several(kind) for kind in Kind if patient.brings(kind))
        yield good(say("What travels: {records}.", records=listed(*travelling, between=", ")), setting="kinds")


def client_id(patient: Patient) -> Iterator[Finding]:
    """Tell where the client id goes."""
    known = patient.settings
    if not known.client_id:
        yield not_needed(say("No client id is set, so that projects carry none."))
    elif "client_id" not in contradictions(known):
        what = say(
            "Projects carry the client id {id} in {field}.", id=known.client_id, field=known.client_id_field
        )
        yield good(what, setting="client_id")


def listeners(patient: Patient) -> Iterator[Finding]:
    """See that somebody hears of errors."""
    addresses = patient.settings.error_emails
    if addresses:
        yield good(say("Mails about errors go to {addresses}.", addresses=", ".join(addresses)))
    else:
        remedy = say("Enter an e-mail address for errors in the connection's settings.")
        yield bad(say("Nobody hears of errors."), remedy, setting="error_emails")


def webhooks(patient: Patient) -> Iterator[Finding]:
    """Tell when the last notification of each kind came to the webhook's present address."""
    wanted = [kind for kind in (Kind.CUSTOMER, Kind.PROJECT, Kind.INVOICE) if patient.brings(kind)]
    for kind in wanted:
        if at := patient.notified.get(kind):
            yield _told(kind, at, lately=patient.now - at < LATELY)
    yield from _missed(patient)
    silent = [several(kind) for kind in wanted if kind not in patient.notified]
    if silent:
        yield unknown(
            say("Moment has not told of these yet: {records}.", records=listed(*silent, between=", ")),
            say(
                "Enter the webhook's address for them in Moment (Setup > Settings > Integrations). Without it "
                "they come all the same, a few minutes later."
            ),
            tests="M6",
        )


def _missed(patient: Patient) -> Iterator[Finding]:
    missed = [
        say("{records} {number}", records=several(kind), number=number)
        for kind, number in patient.missed.items()
        if kind in patient.notified
    ]
    if missed:
        yield unknown(
            say(
                "Changes in the last seven days of which Moment had sent no notification: {changes}.",
                changes=listed(*missed, between=", "),
            ),
            say(
                "A poll found them, so nothing is missing. If they become many, see that the webhook's address in "
                "Moment is the present one, and that Moment can always reach it."
            ),
            tests="M6",
        )


def _told(kind: Kind, at: datetime, *, lately: bool) -> Finding:
    when = f"{at.astimezone(OSLO):%d.%m.%Y %H:%M}"
    what = say("Moment last told of {records} at {when}.", records=several(kind), when=when)
    if lately:
        return good(what, tests="M6")
    remedy = say(
        "If any have changed since, see that the webhook's address still stands in Moment (Setup > Settings > "
        "Integrations)."
    )
    return unknown(what, remedy, tests="M6")
