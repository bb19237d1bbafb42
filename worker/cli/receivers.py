"""``moment24 receivers``: the programs that receive events."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from i18n.formatting import OSLO
from models.connections.repository import Connection
from models.enums import Scope
from models.receivers import deliveries
from models.receivers.outbox import EVENT_TYPES, EventType
from models.receivers.repository import Receiver
from worker import dispatch
from worker.cli import ACTOR, connections_option
from worker.cli.tables import Cell, Table, output_option
from worker.container import get_container

RECEIVERS = Table(
    columns={
        "id": "id",
        "url": "address",
        "event_types": "events",
        "connections": "connections",
        "disabled_because": "disabled because",
        "failing_since": "failing since",
    },
    empty="No event receivers yet.",
)
receiver_argument = click.argument("receiver_id", metavar="RECEIVER", type=click.IntRange(1, 10**18))


@click.group()
def receivers() -> None:
    """Manage event receivers."""


@receivers.command("list")
@output_option
def list_(output: str) -> None:
    """List all receivers."""
    names = {each.id: each.name for each in get_container().connections.all_even_unreadable()}
    RECEIVERS.print((_row(each, names) for each in get_container().receivers.all()), output)


@receivers.command()
@click.argument("url")
@click.option(
    "--event",
    "event_types",
    type=click.Choice([each.value for each in EVENT_TYPES]),
    multiple=True,
    help="Only this event (repeatable)  [default: all]",
)
@connections_option("Only of this connection (repeatable)  [default: all]")
def add(url: str, event_types: Sequence[str], connections: Sequence[Connection]) -> None:
    """Add a receiver at URL, which begins with https://, and print its secret."""
    container = get_container()
    chosen = [EventType(each) for each in event_types] or EVENT_TYPES
    scope = Scope(frozenset(each.id for each in connections) or None)
    receiver, secret = container.receivers.add(url, chosen, scope, actor=ACTOR, now=container.clock())
    click.echo(f"{receiver.url} is event receiver {receiver.id}.")
    _print_secret(secret)


@receivers.command()
@receiver_argument
def test(receiver_id: int) -> None:
    """Send the event receiver.test to a receiver, in the background."""
    container = get_container()
    if not container.receivers.test(receiver_id, now=container.clock()):
        raise click.ClickException(f"Event receiver {receiver_id} is disabled: enable it first.")
    dispatch.dispatch_receivers([receiver_id])
    click.echo("Test event queued. See the receiver's page for the result.")


@receivers.command()
@receiver_argument
def rotate(receiver_id: int) -> None:
    """Generate a new secret; the old one stays valid for 24 hours."""
    container = get_container()
    _print_secret(container.receivers.rotate(receiver_id, actor=ACTOR, now=container.clock()))


@receivers.command()
@receiver_argument
@click.option(
    "--delivery", "delivery_id", type=click.IntRange(1, 10**18), help="Only this delivery, by its number"
)
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%d %H:%M"]),
    help="All failed events since then, in Oslo time",
)
def replay(receiver_id: int, delivery_id: int | None, since: datetime | None) -> None:
    """Resend failed events with the same webhook-ids."""
    if (delivery_id is None) == (since is None):
        raise click.UsageError("Specify either --delivery or --since.")
    container = get_container()
    container.receivers.get(receiver_id)
    instant = since.replace(tzinfo=OSLO) if since else None
    count = deliveries.replay(
        container.database, receiver_id, delivery_id=delivery_id, since=instant, now=container.clock()
    )
    dispatch.dispatch_receivers([receiver_id] if count else [])
    click.echo(f"Events resent: {count}.")


@receivers.command()
@receiver_argument
def enable(receiver_id: int) -> None:
    """Enable a receiver for new events; use `replay` for events that failed before."""
    container = get_container()
    container.receivers.enable(receiver_id, actor=ACTOR, now=container.clock())
    click.echo(f"Event receiver {receiver_id} is enabled.")


@receivers.command()
@receiver_argument
def disable(receiver_id: int) -> None:
    """Disable a receiver."""
    container = get_container()
    container.receivers.disable(receiver_id, actor=ACTOR, now=container.clock())
    click.echo(f"Event receiver {receiver_id} is disabled.")


@receivers.command()
@receiver_argument
def remove(receiver_id: int) -> None:
    """Remove a receiver and its delivery log."""
    container = get_container()
    container.receivers.remove(receiver_id, actor=ACTOR, now=container.clock())
    click.echo(f"Event receiver {receiver_id} is removed.")


def _print_secret(secret: str) -> None:
    click.echo(f"Secret, shown only once: {secret}")


def _row(receiver: Receiver, names: Mapping[int, str]) -> Mapping[str, Any]:
    ids = receiver.scope.connections
    types = list(receiver.event_types)
    return {
        "id": receiver.id,
        "url": receiver.url,
        "event_types": Cell(types, "all") if len(types) == len(EVENT_TYPES) else types,
        "connections": Cell(None, "all") if ids is None else sorted(names[each] for each in ids),
        "disabled_because": Cell(receiver.disabled_because, (receiver.disabled_because or "").replace("_", " ")),
        "failing_since": receiver.failing_since,
    }
