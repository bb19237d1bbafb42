from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import requests
from click.testing import CliRunner
from cryptography.fernet import Fernet

from models import hooks, inbox, listing
from models.hooks import Hook
from models.wanted import Wanted
from models.words import Kind, Record, State
from tests.factories import settings
from tests.installation import installed, stuck
from worker import tasks, wiring
from worker.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.connections import Connection
    from worker.wiring import Bridge

COMPANY = ("--moment-company=1001", "--moment-api-key=moment-demo-key")
ONE = ("--username=demo@example.com", "--password=demo-password")
DRAFT = "106939080"
MANY = ("--username=many@example.com", "--password=many-password")


def run(*arguments: str, typed: str = "", environ: Mapping[str, str] | None = None) -> str:
    """Run a command that ends well, and tell what it says."""
    result = CliRunner().invoke(main, arguments, input=typed, env=environ)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str, typed: str = "", environ: Mapping[str, str] | None = None) -> str:
    """Run a command that ends badly, and tell what it says."""
    result = CliRunner().invoke(main, arguments, input=typed, env=environ)
    assert result.exit_code != 0, result.output
    assert isinstance(result.exception, SystemExit), result.exception  # else a person would see a traceback
    return result.output


def test_a_connection_is_added_with_its_identity_and_the_address_of_its_webhook(bridge: Bridge) -> None:
    said = run(
        "connections",
        "add",
        "--name=Demo AS",
        *COMPANY,
        *ONE,
        "--kind=invoice",
        "--vat-code=3000=3",
        "--account=501=3000/3",
    )
    address = said.split()[-1]
    assert address.startswith("https://bridge.example/hooks/moment/")
    connection = bridge.connections.named("Demo AS")
    assert hooks.find(bridge.database, address.rpartition("/")[2]) == Hook(
        connection.id, connection.settings.kinds
    )
    assert re.fullmatch(r"[0-9a-f-]{36}", connection.settings.identity_id)
    assert connection.settings.kinds == {Kind.INVOICE}
    assert connection.settings.vat_codes == {3000: "3"}
    assert connection.settings.accounts == {"501": "3000/3"}
    assert connection.settings.password.get_secret_value() == "demo-password"


def test_of_several_clients_one_is_to_be_chosen_by_its_name(bridge: Bridge) -> None:
    said = refused("connections", "add", "--name=Fjord", *COMPANY, *MANY)
    fjord = re.search(r"Fjord Prosjekt AS +([0-9a-f-]{36})", said)
    assert fjord
    assert "Gammel AS" not in said
    run("connections", "add", "--name=Fjord", *COMPANY, *MANY, f"--identity-id={fjord[1]}")
    assert bridge.connections.named("Fjord").settings.identity_id == fjord[1]


def test_an_identity_that_the_login_does_not_reach_is_refused(bridge: Bridge) -> None:
    nowhere = "--identity-id=00000000-0000-0000-0000-00000000abcd"
    assert "it reaches 1" in refused("connections", "add", "--name=Demo AS", *COMPANY, *ONE, nowhere)
    assert bridge.connections.all() == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("--password=wrong", "password"),
        ("--moment-api-key=wrong", "Moment does not accept the API key"),
        ("--moment-company=9999", "company 9999"),
        ("--receivables-account=x", "--receivables-account: Input should be a valid integer"),
        ("--kind=invoices", "--kind: Input should be 'customer', 'project', 'invoice' or 'expense'"),
        ("--error-email=nobody", "--error-email: value is not a valid email address"),
        ("--client-id-field=Name", "'Name' is not one of 'OrderReferenceNumber'"),
    ],
)
def test_a_setting_that_does_not_work_is_named_and_nothing_is_kept(wrong: str, said: str, bridge: Bridge) -> None:
    answer = refused("connections", "add", "--name=Demo AS", *COMPANY, *ONE, wrong)
    assert said in answer
    assert "demo-password" not in answer
    assert bridge.connections.all() == []


def test_secrets_need_not_stand_on_the_command_line(bridge: Bridge) -> None:
    name, user = "--moment-company=1001", "--username=demo@example.com"
    run("connections", "add", "--name=Asked", name, user, typed="moment-demo-key\ndemo-password\n")
    environ = {"CONNECTION_MOMENT_API_KEY": "moment-demo-key", "CONNECTION_PASSWORD": "demo-password"}
    run("connections", "add", "--name=Told", name, user, environ=environ)
    asked, told = (bridge.connections.named(each).settings for each in ("Asked", "Told"))
    assert asked == told


def test_a_connection_has_a_name_and_shares_it_with_none(connection: Connection) -> None:
    assert "needs a name" in refused("connections", "add", "--name= ", *COMPANY, *ONE)
    assert "called Demo AS already" in refused("connections", "add", f"--name={connection.name}", *COMPANY, *ONE)


def test_connections_are_shown_without_their_secrets(bridge: Bridge, connection: Connection) -> None:
    bridge.connections.pause(connection.id, "The password is wrong.", now=wiring.clock())
    assert "paused: The password is wrong." in run("connections", "list")
    said = run("connections", "show", "Demo AS")
    assert "demo@example.com" in said
    assert "books@example.com" in said
    assert "demo-password" not in said
    assert "moment-demo-key" not in said


def test_mended_settings_set_a_paused_connection_to_work(bridge: Bridge, connection: Connection) -> None:
    bridge.connections.pause(connection.id, "The password is wrong.", now=wiring.clock())
    assert "password" in refused("connections", "set", "Demo AS", "--password=wrong")
    assert bridge.connections.named("Demo AS").paused_because
    run(
        "connections", "set", "Demo AS", "--password=demo-password", "--factoring-id=10077", "--error-email=a@b.no"
    )
    mended = bridge.connections.named("Demo AS")
    assert not mended.paused_because
    assert (mended.settings.factoring_id, mended.settings.error_emails) == (10077, ("a@b.no",))
    run("connections", "set", "Demo AS", "--factoring-id=", "--error-email=", "--no-check")
    back = bridge.connections.named("Demo AS").settings
    assert (back.factoring_id, back.error_emails) == (None, ())


def test_a_new_password_is_asked_for_and_never_taken_from_the_environment(
    bridge: Bridge, connection: Connection
) -> None:
    run("connections", "set", connection.name, "--no-check", "--password", typed="new-password\n")
    environ = {"CONNECTION_PASSWORD": "another-password"}
    run("connections", "set", connection.name, "--no-check", "--client-id=77", environ=environ)
    settings = bridge.connections.get(connection.id).settings
    assert (settings.password.get_secret_value(), settings.client_id) == ("new-password", "77")


def test_a_connection_is_paused_and_resumed(bridge: Bridge, connection: Connection) -> None:
    run("connections", "pause", connection.name, "--because=We move house.")
    assert bridge.connections.get(connection.id).paused_because == "We move house."
    run("connections", "resume", connection.name)
    assert not bridge.connections.get(connection.id).paused_because
    run("connections", "pause", connection.name, "--because=")
    assert bridge.connections.get(connection.id).paused_because == "It was paused by hand."


def test_a_new_address_ends_the_old_one(bridge: Bridge, connection: Connection) -> None:
    first, second = (run("connections", "token", connection.name).split()[-1] for _ in range(2))
    assert hooks.find(bridge.database, first.rpartition("/")[2]) is None
    assert hooks.find(bridge.database, second.rpartition("/")[2]) == Hook(connection.id, connection.settings.kinds)


def test_a_connection_is_tried_out(connection: Connection) -> None:
    assert "leads to Demo AS" in run("connections", "check", connection.name)
    assert "no connection called Nobody" in refused("connections", "check", "Nobody")


def test_what_is_stuck_is_listed_and_shown_with_its_attempts(bridge: Bridge, connection: Connection) -> None:
    change_id = str(stuck(bridge, connection))
    assert "Invoice 1024  stuck" in run("changes", "list")
    assert run("changes", "list", "--state=waiting") == "Nothing.\n"
    said = run("changes", "show", change_id)
    assert "Open the account in 24SevenOffice." in said
    assert "failed  account  The account 3999 is unknown." in said
    assert "no change 4711" in refused("changes", "show", "4711")


def test_changes_are_tried_again_by_number_or_reason(bridge: Bridge, connection: Connection) -> None:
    first, second = stuck(bridge, connection, record_id="1"), stuck(bridge, connection, record_id="2")
    assert run("changes", "retry", str(first)) == "Changes due now: 1.\n"
    assert states(bridge) == {first: State.WAITING, second: State.STUCK}
    assert run("changes", "retry", "--connection=Demo AS", "--reason=other") == "Changes due now: 0.\n"
    assert run("changes", "retry", "--connection=Demo AS", "--reason=account") == "Changes due now: 1.\n"
    assert states(bridge) == {first: State.WAITING, second: State.WAITING}
    assert bridge.redis.llen("sync") == 1
    assert "either" in refused("changes", "retry")


def test_all_with_a_reason_are_tried_again_whatever_their_connection(
    bridge: Bridge, connection: Connection
) -> None:
    other, _ = bridge.connections.add("Fjord", settings(), who="test", now=wiring.clock())
    for each in (connection, other):
        stuck(bridge, each)
    assert run("changes", "retry", "--reason=account") == "Changes due now: 2.\n"
    assert set(states(bridge).values()) == {State.WAITING}


def test_what_a_person_has_handled_is_closed_for_good(bridge: Bridge, connection: Connection) -> None:
    change_id = str(stuck(bridge, connection))
    assert run("changes", "close", change_id) == "Changes closed: 1.\n"
    assert set(states(bridge).values()) == {State.CLOSED}
    assert "Handled by hand (the command line)" in run("changes", "show", change_id)


def test_what_shall_not_be_transferred_is_closed_by_reason_or_connection(
    bridge: Bridge, connection: Connection
) -> None:
    for record_id in ("1", "2"):
        stuck(bridge, connection, record_id=record_id)
    unwanted = "--because=Do not transfer"
    assert run("changes", "close", "--reason=other", unwanted) == "Changes closed: 0.\n"
    assert run("changes", "close", "--connection=Demo AS", "--reason=account", unwanted) == "Changes closed: 2.\n"
    assert run("changes", "list", "--state=closed").count("Do not transfer (the command line)") == 2
    assert "either" in refused("changes", "close", "1", "--connection=Demo AS")


def test_no_change_is_chosen_that_is_not_there(bridge: Bridge, connection: Connection) -> None:
    change_id = stuck(bridge, connection)
    assert "--most" in refused("changes", "list", "--most=-1")
    for verb in ("retry", "close"):
        assert "no change 4711" in refused("changes", verb, str(change_id), "4711")
    assert states(bridge) == {change_id: State.STUCK}


def test_what_was_said_to_both_systems_is_shown_where_it_is_asked_for(
    bridge: Bridge, connection: Connection, books: dict[str, str]
) -> None:
    finalized = requests.post(f"{books['moment']}/companies/1001/invoices/{DRAFT}/finalize", timeout=10)
    finalized.raise_for_status()
    inbox.receive(bridge.database, connection.id, [Record(Kind.INVOICE, DRAFT)], now=wiring.clock())
    tasks.sync_invoices(connection.id)
    (view,) = (each for each in listing.latest(bridge.database, Wanted()) if each.record.kind is Kind.INVOICE)
    assert f"GET invoices/{DRAFT}" not in run("changes", "show", str(view.id))
    said = run("changes", "show", str(view.id), "--calls")
    assert f"GET invoices/{DRAFT}" in said
    assert '"invoiceState": "finalized"' in said


def test_secrets_move_to_a_new_key(environ: dict[str, str], connection: Connection) -> None:
    new = run("keys", "new").strip()
    with installed({**environ, "SECRET_KEYS": f"{new},{environ['SECRET_KEYS']}"}):
        assert "now: 1." in run("keys", "rotate")
    with installed({**environ, "SECRET_KEYS": new}) as moved:
        assert moved.connections.get(connection.id).settings == connection.settings
    with installed({**environ, "SECRET_KEYS": Fernet.generate_key().decode()}):
        assert "None of the SECRET_KEYS" in refused("connections", "list")


def test_missing_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEYS"):
        monkeypatch.delenv(name, raising=False)
    wiring.bridge.cache_clear()
    assert "DATABASE_URL, REDIS_URL, SECRET_KEYS" in refused("connections", "list")


def test_the_database_is_brought_up_to_date_as_often_as_one_likes(bridge: Bridge) -> None:
    assert run("migrate") == run("migrate") == "The database is up to date.\n"
    assert bridge.connections.all() == []


def test_the_database_goes_back_to_an_older_release_and_forward_again(
    bridge: Bridge, connection: Connection
) -> None:
    assert "back at version 0010" in run("migrate", "--back-to=0010", typed="y\n")
    assert "no way back to version 4711" in refused("migrate", "--back-to=4711", typed="y\n")
    run("migrate")
    assert bridge.connections.get(connection.id) == connection


def test_a_bridge_without_a_pulse_is_reported(bridge: Bridge) -> None:
    assert "no sweep" in refused("alive")
    bridge.redis.set("pulse", "")
    run("alive")


def test_a_worker_that_does_not_answer_is_reported(bridge: Bridge) -> None:
    assert bridge.redis.ping()
    assert "does not answer" in refused("alive", "--here")


def test_a_worker_is_not_blamed_for_redis(environ: dict[str, str]) -> None:
    with installed({**environ, "REDIS_URL": "redis://127.0.0.1:1/0"}):
        run("alive", "--here")


def states(bridge: Bridge) -> dict[int, State]:
    return {view.id: view.state for view in listing.latest(bridge.database, Wanted())}
