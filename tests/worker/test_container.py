import threading
import time

import pytest
import requests

from models.connections.repository import Connection
from models.enums import EntityType, Lane, Record
from models.inbox.enqueue import enqueue
from sync.errors import MisconfiguredError
from tests.sandbox.serving import Systems
from tests.worker.cli.command_runner import invoke
from worker.container import Container, clock


def renew_nothing() -> None:
    """Renew a lease that is never lost."""


def test_cached_ledger_data_is_kept_until_the_settings_change(
    container: Container, connection: Connection
) -> None:
    first = container.open_context(connection, renew_nothing).erp
    assert container.open_context(container.connections.get(connection.id), renew_nothing).erp is first
    changed = container.connections.update(connection.id, {"client_id": "77"}, actor="test", now=clock())
    assert container.open_context(changed, renew_nothing).erp is not first


def test_the_former_password_is_refused_after_a_change(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    container.open_context(connection, renew_nothing).erp.tax_codes()
    fresh_systems.control("twentyfour", "PATCH", "logins/demo@example.com", {"password": "better"})
    changed = container.connections.update(connection.id, {"password": "better"}, actor="test", now=clock())
    container.open_context(changed, renew_nothing).erp.tax_codes()
    former = connection.settings.model_copy(update={"identity_id": container.erp(changed.settings).identity_id()})
    with pytest.raises(MisconfiguredError) as refused:
        container.erp(former).tax_codes()
    assert refused.value.error_code == "login_refused"


def test_a_sync_context_reaches_both_systems(container: Container, connection: Connection) -> None:
    context = container.open_context(connection, renew_nothing)
    customer = context.moment.customer("62788973")
    assert customer
    assert customer.id == "62788973"
    assert context.erp.tax_codes()[3000] == "3"


@pytest.mark.parametrize("identity_is_chosen", [True, False])
def test_saving_another_password_ends_the_former_ones_session(
    container: Container, connection: Connection, *, identity_is_chosen: bool
) -> None:
    if identity_is_chosen:
        chosen = {"identity_id": container.erp(connection.settings).identity_id()}
        connection = container.update_settings(connection.id, chosen, actor="test")
    container.cached_erp(connection).client_name()
    assert sessions(container)
    container.update_settings(connection.id, {"client_id": "77"}, actor="test")
    assert sessions(container)
    container.update_settings(connection.id, {"password": "better"}, actor="test")
    assert sessions(container) == []


def test_the_command_line_ends_the_session_of_the_former_password(
    container: Container, connection: Connection
) -> None:
    container.cached_erp(connection).client_name()
    done = invoke("connections", "set", connection.name, "--password", "better", "--no-check")
    assert (done.exit_code, sessions(container)) == (0, [])


def test_a_login_in_flight_while_the_password_is_changed_is_not_kept(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    chosen = {"identity_id": container.erp(connection.settings).identity_id()}
    connection = container.connections.update(connection.id, chosen, actor="test", now=clock())
    container.redis.flushdb()
    fresh_systems.control("twentyfour", "PUT", "latency", {"seconds": 1})
    worker = threading.Thread(target=container.cached_erp(connection).client_name)
    worker.start()
    time.sleep(0.4)  # it logs in
    changed = container.connections.update(connection.id, {"password": "better"}, actor="test", now=clock())
    container.cached_erp(changed)
    worker.join(10)
    fresh_systems.control("twentyfour", "PUT", "latency", {"seconds": 0})
    assert sessions(container) == []


def test_two_workers_read_the_setup_once_for_many_single_invoices(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    other = Container(container.settings)
    drain(container, connection, Record(EntityType.CUSTOMER, "62788973"), Record(EntityType.PROJECT, "62788980"))
    moment = requests.Session()
    moment.auth = ("apikey", "moment-demo-key")
    written = [invoice(moment, fresh_systems["moment"]) for _ in range(6)]
    fresh_systems.control("twentyfour", "DELETE", "calls")
    for place, invoice_id in enumerate(written):
        drain((container, other)[place % 2], connection, Record(EntityType.INVOICE, invoice_id))
    other.close()
    calls = fresh_systems.control("twentyfour", "GET", "calls")
    setup = ("GetAccountList", "GetFiscalYears", "GetTaxCodeList", "GetTypeList")
    assert {name: calls.get(name, 0) for name in ("SaveBundleList", *setup, "Login")} == {
        "SaveBundleList": 6,
        **dict.fromkeys(setup, 1),
        "Login": 0,
    }


def drain(container: Container, connection: Connection, *records: Record) -> None:
    for record in records:
        enqueue(container.database, connection.id, [record], now=container.clock())
        container.runner.drain(Lane(connection.id, record.entity_type))


def invoice(moment: requests.Session, address: str) -> str:
    """Write an invoice in Moment and finalize it."""
    account = moment.get(f"{address}/books/1001/financialAccounts", timeout=10).json()[0]["id"]
    line = {"description": "Work", "financialAccountId": account, "quantity": 1, "unitPrice": "1000.00"}
    written = {"customerId": 62788973, "projectId": 62788980, "invoiceLines": [line]}
    made = moment.post(f"{address}/api/1.0/companies/1001/invoices", json=written, timeout=10)
    made.raise_for_status()
    number = made.json()["id"]
    moment.post(f"{address}/companies/1001/invoices/{number}/finalize", timeout=10).raise_for_status()
    return str(number)


def sessions(container: Container) -> list[object]:
    return list(container.redis.keys("twentyfour:session:*"))
