from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests
from pydantic import SecretStr

from integrations.mail.mailer import Mailer
from models import alerts, changes, reminders
from models.alerts import Alert, Turn
from models.wanted import Wanted
from tests.factories import settings
from tests.installation import stuck
from tests.integrations.mail.postbox import Postbox, listening
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


def tell(
    bridge: Bridge, connection: Connection, turn: Turn = Turn.PAUSED, *, addresses: tuple[str, ...] = (ADDRESS,)
) -> None:
    alert = Alert(turn, connection.name, "The password was refused.", "Enter it again.", addresses)
    alerts.raise_alert(bridge.database, connection.id, alert, now=clock())


def test_what_an_address_is_to_be_told_comes_in_one_mail(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    stuck(bridge, connection)
    stuck(bridge, connection, record_id="10", title="Invoice 1025")
    tell(bridge, connection)
    send_due(bridge)
    send_due(bridge)
    (mail,) = mailbox.mails()
    assert mail["to"] == [ADDRESS]
    assert mail["subject"] == "The connection is paused \N{EN DASH} Demo AS"
    assert mail["text"].count("The account 3999 is unknown.") == 2


def test_a_mail_leads_to_the_change(bridge: Bridge, connection: Connection, mailbox: Mailbox) -> None:
    change_id = stuck(bridge, connection)
    send_due(bridge)
    (mail,) = mailbox.mails()
    assert mail["subject"] == "Invoice 1024 did not reach 24SevenOffice \N{EN DASH} Demo AS"
    assert f"https://bridge.example/changes/{change_id}" in mail["text"]


def test_a_reminder_says_for_how_long_a_record_has_needed_a_person(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    stuck(bridge, connection, now=clock() - reminders.REMINDED_AFTER[0])
    reminders.remind(bridge.database, now=clock())
    send_due(bridge)
    (mail,) = mailbox.mails()
    assert mail["subject"] == "Invoice 1024 still needs you after 1 day \N{EN DASH} Demo AS"


def test_a_mail_about_several_connections_names_each(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    other, _ = bridge.connections.add("Ås Prosjekt AS", settings(), who="test", now=clock())
    for each in (connection, other):
        tell(bridge, each)
    send_due(bridge)
    (mail,) = mailbox.mails()
    assert mail["subject"] == "Connections are paused \N{EN DASH} 2 companies"
    assert mail["text"].index("\nDemo AS\n") < mail["text"].index("\nÅs Prosjekt AS\n")


def test_what_passed_before_anybody_heard_of_it_is_no_mail_now_nor_later(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    for turn in (Turn.DOWN, Turn.UP):
        tell(bridge, connection, turn)
    change_id = stuck(bridge, connection)
    chosen = Wanted(ids=frozenset({change_id}))
    changes.close(bridge.database, chosen, because="Posted by hand", who="kari", now=clock())
    send_due(bridge)
    assert mailbox.mails() == []
    assert alerts.unsent(bridge.database, ADDRESS) == []


def test_what_turns_soon_after_a_mail_waits_for_the_next(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    tell(bridge, connection)
    send_due(bridge)
    tell(bridge, connection, Turn.DOWN)
    send_due(bridge)
    assert len(mailbox.mails()) == 1
    assert len(alerts.unsent(bridge.database, ADDRESS)) == 1
    assert alerts.addresses_due(bridge.database, now=clock() + PAUSE, pause=PAUSE) == [ADDRESS]


def test_what_the_mail_server_does_not_take_now_is_sent_later(
    bridge: Bridge, connection: Connection, mailbox: Mailbox
) -> None:
    mailbox.refuse_one()
    tell(bridge, connection)
    send_due(bridge)
    assert mailbox.mails() == []
    send_due(bridge)
    assert len(mailbox.mails()) == 1


def test_an_address_that_does_not_exist_is_not_tried_again_and_keeps_no_mail_from_others(
    bridge: Bridge, connection: Connection
) -> None:
    postbox = Postbox()
    postbox.answers["gone@example.com"] = "550 No such user"
    tell(bridge, connection, addresses=("gone@example.com", ADDRESS))
    with listening(postbox) as port:
        bridge.mailer = Mailer(SecretStr(f"smtp://127.0.0.1:{port}"), timeout=5)
        send_due(bridge)
    assert [mail.rcpt_tos for mail in postbox.mails] == [[ADDRESS]]
    assert alerts.addresses_due(bridge.database, now=clock() + PAUSE, pause=PAUSE) == []


def test_two_who_send_at_once_send_one_mail(bridge: Bridge, connection: Connection, mailbox: Mailbox) -> None:
    tell(bridge, connection)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send_due, [bridge] * 4))
    assert len(mailbox.mails()) == 1
