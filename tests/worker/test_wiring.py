from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
import requests
from click.testing import CliRunner

from sync.errors import Misconfigured
from worker.__main__ import main
from worker.wiring import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.connections import Connection
    from worker.wiring import Bridge


def nothing() -> None:
    """A claim that is never lost."""


def test_what_is_remembered_of_the_books_is_kept_until_the_settings_change(
    bridge: Bridge, connection: Connection
) -> None:
    first = bridge.open_desk(connection, nothing).erp
    assert bridge.open_desk(bridge.connections.get(connection.id), nothing).erp is first
    changed = bridge.connections.change(connection.id, {"client_id": "77"}, who="test", now=clock())
    assert bridge.open_desk(changed, nothing).erp is not first


def test_a_password_that_was_changed_opens_nothing_any_more(
    bridge: Bridge, connection: Connection, books: Mapping[str, str]
) -> None:
    bridge.open_desk(connection, nothing).erp.tax_codes()
    login = f"{books['twentyfour']}/logins/demo@example.com"
    requests.patch(login, json={"password": "better"}, timeout=10).raise_for_status()
    changed = bridge.connections.change(connection.id, {"password": "better"}, who="test", now=clock())
    bridge.open_desk(changed, nothing).erp.tax_codes()
    former = connection.settings.model_copy(update={"identity_id": bridge.erp(changed.settings).identity_id()})
    with pytest.raises(Misconfigured) as refused:
        bridge.erp(former).tax_codes()
    assert refused.value.reason == "login_refused"


def test_a_desk_reaches_both_systems(bridge: Bridge, connection: Connection) -> None:
    desk = bridge.open_desk(connection, nothing)
    customer = desk.moment.customer("62788973")
    assert customer
    assert customer.id == "62788973"
    assert desk.erp.tax_codes()[3000] == "3"


@pytest.mark.parametrize("identity_is_chosen", [True, False])
def test_who_saves_another_password_ends_the_session_of_the_former_one(
    bridge: Bridge, connection: Connection, *, identity_is_chosen: bool
) -> None:
    if identity_is_chosen:
        chosen = {"identity_id": bridge.erp(connection.settings).identity_id()}
        connection = bridge.change(connection.id, chosen, who="test")
    bridge.kept_erp(connection).client_name()
    assert sessions(bridge)
    bridge.change(connection.id, {"client_id": "77"}, who="test")
    assert sessions(bridge)
    bridge.change(connection.id, {"password": "better"}, who="test")
    assert sessions(bridge) == []


def test_the_command_line_ends_the_session_of_the_former_password(bridge: Bridge, connection: Connection) -> None:
    bridge.kept_erp(connection).client_name()
    done = CliRunner().invoke(main, ["connections", "set", connection.name, "--password", "better", "--no-check"])
    assert (done.exit_code, sessions(bridge)) == (0, [])


def test_a_login_in_flight_while_the_password_is_changed_is_not_kept(
    bridge: Bridge, connection: Connection, books: Mapping[str, str]
) -> None:
    chosen = {"identity_id": bridge.erp(connection.settings).identity_id()}
    connection = bridge.connections.change(connection.id, chosen, who="test", now=clock())
    bridge.redis.flushdb()
    slow = f"{books['twentyfour']}/latency"
    requests.put(slow, json={"seconds": 1}, timeout=10).raise_for_status()
    worker = threading.Thread(target=bridge.kept_erp(connection).client_name)
    worker.start()
    time.sleep(0.4)  # it logs in
    changed = bridge.connections.change(connection.id, {"password": "better"}, who="test", now=clock())
    bridge.kept_erp(changed)
    worker.join(10)
    requests.put(slow, json={"seconds": 0}, timeout=10).raise_for_status()
    assert sessions(bridge) == []


def sessions(bridge: Bridge) -> list[object]:
    return list(bridge.redis.keys("twentyfour:session:*"))
