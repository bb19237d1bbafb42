from datetime import timedelta

import pytest
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from sqlalchemy import select, update

from models.connections.repository import Connection
from models.connections.vault import Vault
from models.database import Database
from models.enums import Scope
from models.invalid_input import InvalidInputError
from models.receivers.outbox import EventType
from models.receivers.repository import FORMER_SECRET_SIGNS_FOR, Receivers, UnknownReceiverError
from models.schema.receiver_tables import EventReceiverRow
from tests.factories import NOW
from tests.models.event_log import URL, add_receiver

BAD = (
    ("", "url"),
    ("program.example", "url"),
    ("http://program.example/events", "url"),
    ("ftp://program.example/events", "url"),
    ("https://", "url"),
    ("https:///events", "url"),
    ("https://anna:secret@program.example/events", "url"),
    ("https://program.example/events#here", "url"),
    ("https://program.example:99999/", "url"),
    ("https://program.example/a b", "url"),
    ("https://program.example/a\nb", "url"),
    ("https://[::1/", "url"),
    (f"https://program.example/{'a' * 1000}", "url"),
)


@pytest.mark.parametrize(("url", "field"), BAD)
def test_a_url_must_be_https(receivers: Receivers, url: str, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        add_receiver(receivers, url=url)
    assert list(refused.value.errors) == [field]
    assert receivers.all() == []


def test_a_url_without_tls_needs_private_networks_to_be_allowed(database: Database, vault: Vault) -> None:
    receivers = Receivers(database, vault, private_networks=True)
    assert add_receiver(receivers, url="http://crm.local/events").url == "http://crm.local/events"


def test_a_receiver_is_for_some_events_and_some_connections_or_all(
    receivers: Receivers, connection: Connection
) -> None:
    for types, connections, field in (([], None, "event_types"), ([EventType.JOB_DONE], [], "connections")):
        with pytest.raises(InvalidInputError) as refused:
            add_receiver(receivers, types=types, connections=connections)
        assert list(refused.value.errors) == [field]
    with pytest.raises(InvalidInputError):
        add_receiver(receivers, connections=[999_999])
    receiver = add_receiver(receivers, types=[EventType.JOB_DONE], connections=[connection.id])
    changed = [EventType.CONNECTION_DOWN, EventType.JOB_RECOVERED]
    receivers.update(receiver.id, f"{URL}/2", changed, Scope(), actor="test", now=NOW)
    after = receivers.get(receiver.id)
    assert (after.url, set(after.event_types), after.scope) == (f"{URL}/2", set(changed), Scope())


def test_a_former_secret_signs_beside_the_new_one_for_a_day(receivers: Receivers) -> None:
    receiver, first = receivers.add(URL, [EventType.JOB_DONE], Scope(), actor="test", now=NOW)
    assert receivers.secrets(receiver.id, now=NOW) == [first]
    second = receivers.rotate(receiver.id, actor="test", now=NOW)
    end = NOW + FORMER_SECRET_SIGNS_FOR
    assert receivers.secrets(receiver.id, now=end - timedelta(seconds=1)) == [second, first]
    assert receivers.secrets(receiver.id, now=end) == [second]
    third = receivers.rotate(receiver.id, actor="test", now=NOW)
    assert receivers.secrets(receiver.id, now=NOW) == [third, second]


def test_a_secret_is_encrypted_for_its_own_row(database: Database, receivers: Receivers) -> None:
    one, secret = receivers.add(URL, [EventType.JOB_DONE], Scope(), actor="test", now=NOW)
    other = add_receiver(receivers)
    of_one = database.scalar(select(EventReceiverRow.secret).where(EventReceiverRow.id == one.id))
    assert of_one
    assert secret not in of_one
    database.execute(update(EventReceiverRow).where(EventReceiverRow.id == other.id).values(secret=of_one))
    with pytest.raises(InvalidToken):
        receivers.secrets(other.id, now=NOW)
    new = receivers.rotate(other.id, actor="test", now=NOW)
    assert receivers.secrets(other.id, now=NOW) == [new]


def test_after_a_rotation_of_keys_the_new_one_opens_all_secrets(database: Database) -> None:
    old, new = (SecretStr(Fernet.generate_key().decode()) for _ in range(2))
    receiver, first = Receivers(database, Vault([old]), private_networks=False).add(
        URL, [EventType.JOB_DONE], Scope(), actor="test", now=NOW
    )
    both = Receivers(database, Vault([new, old]), private_networks=False)
    second = both.rotate(receiver.id, actor="test", now=NOW)
    both.rotate_keys()
    left = Receivers(database, Vault([new]), private_networks=False)
    assert left.secrets(receiver.id, now=NOW) == [second, first]


def test_a_secret_that_no_key_decrypts_is_named_and_stops_no_other(
    database: Database, receivers: Receivers
) -> None:
    damaged, sound = add_receiver(receivers), add_receiver(receivers)
    column, of = EventReceiverRow.secret, EventReceiverRow.id
    database.execute(update(EventReceiverRow).where(of == damaged.id).values(secret="v2:damaged"))
    before = database.scalar(select(column).where(of == sound.id))
    assert receivers.rotate_keys() == [damaged.id]
    assert database.scalar(select(column).where(of == damaged.id)) == "v2:damaged"
    assert database.scalar(select(column).where(of == sound.id)) != before


def test_a_damaged_former_secret_is_named_and_left(database: Database, receivers: Receivers) -> None:
    damaged, sound = add_receiver(receivers), add_receiver(receivers)
    new = receivers.rotate(damaged.id, actor="test", now=NOW)
    of, former = EventReceiverRow.id, EventReceiverRow.former_secret
    database.execute(update(EventReceiverRow).where(of == damaged.id).values(former_secret="v2:damaged"))
    before = database.scalar(select(EventReceiverRow.secret).where(of == sound.id))
    assert receivers.rotate_keys() == [damaged.id]
    assert database.scalar(select(former).where(of == damaged.id)) == "v2:damaged"
    assert database.scalar(select(EventReceiverRow.secret).where(of == sound.id)) != before
    assert receivers.secrets(damaged.id, now=NOW + FORMER_SECRET_SIGNS_FOR) == [new]


def test_a_missing_receiver_cannot_be_changed(receivers: Receivers) -> None:
    for deed in (receivers.enable, receivers.disable, receivers.rotate, receivers.remove):
        with pytest.raises(UnknownReceiverError):
            deed(4711, actor="test", now=NOW)
