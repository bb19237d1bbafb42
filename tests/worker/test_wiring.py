from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from sync.errors import Misconfigured
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
