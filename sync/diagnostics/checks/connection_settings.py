"""The checks of the connection itself: its settings, the recipients of its alerts, and its webhooks."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from i18n.formatting import OSLO
from i18n.messages import joined, msg
from models.connections.settings import contradictions
from models.enums import EntityType, plural_of
from sync.diagnostics.findings import Finding, Target, bad, good, not_needed, unknown

RECENT = timedelta(days=30)
"""The age of an entity type's last webhook after which a person is asked to look."""


def settings(target: Target) -> Iterator[Finding]:
    wrong = contradictions(target.settings)
    for setting, why in wrong.items():
        yield bad(why, msg("Correct it in the connection's settings."), setting=setting)
    if "entity_types" not in wrong:
        synced = (plural_of(entity_type) for entity_type in EntityType if target.syncs(entity_type))
        yield good(
            msg("Records to sync: {records}.", records=joined(*synced, between=", ")), setting="entity_types"
        )


def client_id(target: Target) -> Iterator[Finding]:
    values = target.settings
    if not values.client_id:
        yield not_needed(msg("No client id is set, so projects have none."))
    elif "client_id" not in contradictions(values):
        what = msg(
            "Projects store the client id {id} in {field}.", id=values.client_id, field=values.client_id_field
        )
        yield good(what, setting="client_id")


def recipients(target: Target) -> Iterator[Finding]:
    addresses = target.settings.error_emails
    if addresses:
        yield good(msg("Alerts are sent to {addresses}.", addresses=", ".join(addresses)))
    else:
        remedy = msg("Enter at least one alert recipient in the connection's settings.")
        yield bad(msg("No alert recipients."), remedy, setting="error_emails")


def webhooks(target: Target) -> Iterator[Finding]:
    """Report when the last webhook of each entity type was received at the present URL."""
    expected = [
        entity_type
        for entity_type in (EntityType.CUSTOMER, EntityType.PROJECT, EntityType.INVOICE)
        if target.syncs(entity_type)
    ]
    for entity_type in expected:
        if at := target.last_webhooks.get(entity_type):
            yield _webhook_finding(entity_type, at, is_recent=target.now - at < RECENT)
    yield from _check_missed_webhooks(target)
    silent = [plural_of(entity_type) for entity_type in expected if entity_type not in target.last_webhooks]
    if silent:
        yield unknown(
            msg("No webhooks received yet for {records}.", records=joined(*silent, between=", ")),
            msg(
                "Enter the webhook URL for them in Moment (Setup > Settings > Integrations). Without it, "
                "changes still sync, a few minutes later."
            ),
            tests="M6",
        )


def _check_missed_webhooks(target: Target) -> Iterator[Finding]:
    missed = [
        msg("{records} {number}", records=plural_of(entity_type), number=number)
        for entity_type, number in target.missed_webhooks.items()
        if entity_type in target.last_webhooks
    ]
    if missed:
        yield unknown(
            msg(
                "Changes in the past seven days without a webhook from Moment: {changes}.",
                changes=joined(*missed, between=", "),
            ),
            msg(
                "Polling found them, so nothing is missing. If there are many, check that the current webhook "
                "URL is entered in Moment and that Moment can always reach it."
            ),
            tests="M6",
        )


def _webhook_finding(entity_type: EntityType, at: datetime, *, is_recent: bool) -> Finding:
    when = f"{at.astimezone(OSLO):%d.%m.%Y %H:%M}"
    what = msg("Last webhook for {records}: {when}.", records=plural_of(entity_type), when=when)
    if is_recent:
        return good(what, tests="M6")
    remedy = msg(
        "If any have changed since, check that the webhook URL is still entered in Moment (Setup > Settings > "
        "Integrations)."
    )
    return unknown(what, remedy, tests="M6")
