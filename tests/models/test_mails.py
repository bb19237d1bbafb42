from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from models import alerts, mails
from models.alerts import Alert, Fate, Turn
from models.mails import SHOWN
from models.paging import SIZE
from models.words import Scope, State
from tests.factories import NOW, settings
from tests.models.lanes import settled

if TYPE_CHECKING:
    from datetime import datetime

    from models.base import Database
    from models.connections import Connection, Connections

EVERYTHING = Scope()
HOUR = timedelta(hours=1)


def tell(database: Database, connection: Connection, title: str, *addresses: str, at: datetime = NOW) -> None:
    alert = Alert(Turn.DOWN, title, "Wrong.", "", addresses or ("a@example.com",))
    alerts.raise_alert(database, connection.id, alert, now=at)


def send(
    database: Database, address: str = "a@example.com", *, fate: Fate = Fate.SENT, at: datetime = NOW
) -> None:
    """End what waits for an address in one mail."""
    waiting = alerts.unsent(database, address)
    alerts.conclude(database, {alert.id: fate for alert in waiting}, message_id=f"<{at}>", now=at)


def told(database: Database, scope: Scope = EVERYTHING) -> list[tuple[str, Fate | None, list[str]]]:
    page = mails.page(database, scope)
    return [(mail.address, mail.fate, [each.title for each in mail.told]) for mail in page.lines]


def test_a_mail_tells_to_whom_it_went_and_what_it_said_the_latest_first(
    database: Database, connection: Connection
) -> None:
    tell(database, connection, "First", "a@example.com", "b@example.com")
    tell(database, connection, "Second")
    send(database, at=NOW)
    send(database, "b@example.com", fate=Fate.REFUSED, at=NOW + HOUR)
    assert told(database) == [
        ("b@example.com", Fate.REFUSED, ["First"]),
        ("a@example.com", Fate.SENT, ["First", "Second"]),
    ]


def test_what_waits_is_told_until_it_is_sent(database: Database, connection: Connection) -> None:
    tell(database, connection, "First", at=NOW)
    tell(database, connection, "Second", at=NOW + HOUR)
    (mail,) = mails.waiting(database, EVERYTHING)
    assert (mail.at, mail.fate, mail.count) == (NOW, None, 2)
    send(database)
    assert mails.waiting(database, EVERYTHING) == []


def test_a_long_mail_shows_how_it_begins_and_counts_the_rest(database: Database, connection: Connection) -> None:
    for n in range(SHOWN + 5):
        tell(database, connection, f"Alert {n}")
    send(database)
    (mail,) = mails.page(database, EVERYTHING).lines
    assert (mail.count, [each.title for each in mail.told]) == (SHOWN + 5, [f"Alert {n}" for n in range(SHOWN)])


def test_of_a_mail_about_several_companies_everybody_sees_their_part(
    database: Database, connections: Connections, connection: Connection
) -> None:
    other, _ = connections.add("Fjord AS", settings(), who="test", now=NOW)
    tell(database, connection, "Ours")
    tell(database, other, "Theirs")
    theirs = Scope(frozenset({other.id}))
    assert [mail.count for mail in mails.waiting(database, theirs)] == [1]
    send(database)
    assert told(database, theirs) == [("a@example.com", Fate.SENT, ["Theirs"])]
    assert told(database, Scope(frozenset())) == []


def test_mails_are_paged_both_ways(database: Database, connection: Connection) -> None:
    for n in range(SIZE + 5):
        tell(database, connection, f"Alert {n}")
        send(database, at=NOW + n * HOUR)
    first = mails.page(database, EVERYTHING)
    assert first.older
    second = mails.page(database, EVERYTHING, key=first.older)
    titles = [mail.told[0].title for mail in (*first.lines, *second.lines)]
    assert titles == [f"Alert {n}" for n in reversed(range(SIZE + 5))]
    assert second.newer
    assert mails.page(database, EVERYTHING, key=second.newer) == first


def test_a_change_tells_who_has_heard_of_it(database: Database, connection: Connection) -> None:
    alert = Alert(Turn.WORSE, "Invoice 1024", "Wrong.", "", ("a@example.com", "b@example.com"))
    change = settled(database, connection.id, state=State.STUCK, alert=alert)
    send(database, at=NOW + HOUR)
    heard = [(mail.address, mail.fate, mail.at) for mail in mails.of_change(database, change.id)]
    assert heard == [("b@example.com", None, NOW), ("a@example.com", Fate.SENT, NOW + HOUR)]
