from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from models import alerts
from models.alerts import Alert, Turn
from tests.factories import settings
from tests.installation import stuck
from worker.mailing import PAUSE, send_due
from worker.wiring import clock

if TYPE_CHECKING:
    from models.connections import Connection
    from worker.wiring import Bridge

ADDRESS = "books@example.com"


class Mailbox:
    """Where the mails arrive."""

    def __init__(self, url: str) -> None:
        self._url = url

    def mails(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = requests.get(f"{self._url}/mails", timeout=10).json()
        return found

    def refuse_one(self) -> None:
        requests.post(f"{self._url}/mishaps", json={"kind": "refuse"}, timeout=10).raise_for_status()


@pytest.fixture
def mailbox(books: dict[str, str]) -> Mailbox:
    return Mailbox(books["mail"])


def alert(title: str, *, turn: Turn = Turn.WORSE) -> Alert:
    return Alert(turn, title, "The account 3999 is unknown.", "Open it.", (ADDRESS,))


def test_what_an_address_is_to_be_told_comes_in_one_mail(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    for number in (1024, 1025):
        alerts.raise_alert(bridge.database, connection.id, alert(f"Invoice {number}"), now=clock())
    send_due(bridge)
    send_due(bridge)
    (mail,) = mailbox.mails()
    assert mail["to"] == [ADDRESS]
    assert mail["text"].count("The account 3999 is unknown.") == 2


def test_a_mail_leads_to_the_change(bridge: Bridge, connection: Connection, mailbox: Mailbox) -> None:
    change_id = stuck(bridge, connection)
    send_due(bridge)
    (mail,) = mailbox.mails()
    assert "Invoice 1024 did not reach 24SevenOffice" in mail["subject"]
    assert f"https://bridge.example/changes/{change_id}" in mail["text"]


def test_a_mail_about_a_connection_says_that_it_has_stopped(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    alerts.raise_alert(bridge.database, connection.id, alert("Demo AS"), now=clock())
    send_due(bridge)
    (mail,) = mailbox.mails()
    assert mail["subject"].startswith("The connection has stopped")


def test_a_reminder_and_a_digest_are_known_as_such(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    for turn, title in ((Turn.REMINDER, "Invoice 1024"), (Turn.DIGEST, "The week at Demo AS")):
        alerts.raise_alert(bridge.database, connection.id, alert(title, turn=turn), now=clock())
    send_due(bridge)
    (mail,) = mailbox.mails()
    assert "Reminder: Invoice 1024" in mail["text"]
    assert "The week at Demo AS" in mail["text"]


def test_a_mail_about_several_connections_names_each(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    other, _ = bridge.connections.add("Fjord AS", settings(), who="test", now=clock())
    for each in (connection, other):
        alerts.raise_alert(bridge.database, each.id, alert(each.name), now=clock())
    send_due(bridge)
    (mail,) = mailbox.mails()
    assert "The connection has stopped (Demo AS)" in mail["text"]
    assert "The connection has stopped (Fjord AS)" in mail["text"]


def test_what_turns_soon_after_a_mail_waits_for_the_next(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    alerts.raise_alert(bridge.database, connection.id, alert("Demo AS"), now=clock())
    send_due(bridge)
    alerts.raise_alert(bridge.database, connection.id, alert("Demo AS", turn=Turn.BETTER), now=clock())
    send_due(bridge)
    assert len(mailbox.mails()) == 1
    assert len(alerts.unsent(bridge.database, ADDRESS)) == 1
    assert alerts.addresses_due(bridge.database, now=clock() + PAUSE, pause=PAUSE) == [ADDRESS]


def test_what_the_mail_server_does_not_take_now_is_sent_later(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    mailbox.refuse_one()
    alerts.raise_alert(bridge.database, connection.id, alert("Demo AS"), now=clock())
    send_due(bridge)
    assert mailbox.mails() == []
    send_due(bridge)
    assert len(mailbox.mails()) == 1


def test_two_who_send_at_once_send_one_mail(bridge: Bridge, connection: Connection, mailbox: Mailbox) -> None:
    alerts.raise_alert(bridge.database, connection.id, alert("Demo AS"), now=clock())
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send_due, [bridge] * 4))
    assert len(mailbox.mails()) == 1
