import json
import re
from collections.abc import Iterator
from datetime import timedelta

import click
import pytest
from cryptography.fernet import Fernet
from pyotp import TOTP
from sqlalchemy import String, literal_column, select, text

from i18n.formatting import OSLO
from i18n.messages import msg
from models.admin import job_list
from models.admin.job_filter import JobFilter
from models.admin.operations import OperationType
from models.connections.alert_outbox import AlertType
from models.connections.repository import Connection
from models.enums import EntityType, JobState, Record, Role, Scope
from models.inbox import circuit_breaker, links, questions, webhook_intake
from models.inbox.enqueue import enqueue
from models.inbox.links import Link
from models.inbox.webhook_intake import WebhookTarget
from models.users import repository as users
from models.users import second_factor
from models.users.repository import Rights
from tests.factories import NOW, settings
from tests.installation import add_failed_job, installed
from tests.models import outages
from tests.models.completed_jobs import completed_job
from tests.sandbox.serving import Systems
from tests.worker.cli.command_runner import run, run_refused
from worker import container as worker_container
from worker import tasks
from worker.__main__ import main
from worker.container import Container, clock
from worker.lazy_command import LazyCommand

COMPANY = ("--moment-company=1001", "--moment-api-key=moment-demo-key")
ONE = ("--username=demo@example.com", "--password=demo-password")
DRAFT = "106939080"
MANY = ("--username=many@example.com", "--password=many-password")


def test_a_connection_is_added_with_its_identity_and_webhook_url(container: Container) -> None:
    output = run(
        "connections",
        "add",
        "--name=Demo AS",
        *COMPANY,
        *ONE,
        "--entity-type=invoice",
        "--vat-code=3000=3",
        "--account=501=3000/3",
    )
    address = output.split()[-1]
    assert address.startswith("https://bridge.example/webhooks/moment/")
    connection = container.connections.get_by_name("Demo AS")
    assert webhook_intake.find_target(container.database, address.rpartition("/")[2]) == WebhookTarget(
        connection.id, connection.settings.entity_types
    )
    assert re.fullmatch(r"[0-9a-f-]{36}", connection.settings.identity_id)
    assert connection.settings.entity_types == {EntityType.INVOICE}
    assert connection.settings.vat_codes == {3000: "3"}
    assert connection.settings.accounts == {"501": "3000/3"}
    assert connection.settings.password.get_secret_value() == "demo-password"


def test_several_clients_are_listed_by_name_to_choose_from(container: Container) -> None:
    output = run_refused("connections", "add", "--name=Fjord", *COMPANY, *MANY)
    fjord = re.search(r"Fjord Prosjekt AS +([0-9a-f-]{36})", output)
    assert fjord
    assert "Gammel AS" not in output
    run("connections", "add", "--name=Fjord", *COMPANY, *MANY, f"--identity-id={fjord[1]}")
    assert container.connections.get_by_name("Fjord").settings.identity_id == fjord[1]


def test_an_identity_that_the_login_does_not_reach_is_refused(container: Container) -> None:
    nowhere = "--identity-id=00000000-0000-0000-0000-00000000abcd"
    assert "Available clients in 24SevenOffice: 1" in run_refused(
        "connections", "add", "--name=Demo AS", *COMPANY, *ONE, nowhere
    )
    assert container.connections.all() == []


@pytest.mark.parametrize(
    ("wrong", "output"),
    [
        ("--password=wrong", "password"),
        ("--moment-api-key=wrong", "Moment rejects the API key"),
        ("--moment-company=9999", "Company 9999"),
        ("--receivables-account=x", "--receivables-account: Input should be a valid integer"),
        ("--entity-type=invoices", "--entity-type: Input should be 'customer', 'project', 'invoice' or 'expense'"),
        ("--error-email=nobody", "--error-email: value is not a valid email address"),
        ("--client-id-field=Name", "'Name' is not one of 'OrderReferenceNumber'"),
    ],
)
def test_a_setting_that_does_not_work_is_named_and_nothing_is_saved(
    wrong: str, output: str, container: Container
) -> None:
    answer = run_refused("connections", "add", "--name=Demo AS", *COMPANY, *ONE, wrong)
    assert output in answer
    assert "demo-password" not in answer
    assert container.connections.all() == []


def test_secrets_need_not_be_on_the_command_line(container: Container) -> None:
    name, user = "--moment-company=1001", "--username=demo@example.com"
    run("connections", "add", "--name=Asked", name, user, typed="moment-demo-key\ndemo-password\n")
    environ = {"CONNECTION_MOMENT_API_KEY": "moment-demo-key", "CONNECTION_PASSWORD": "demo-password"}
    first = container.connections.get_by_name("Asked")
    container.connections.update(first.id, {"moment_company": "1002"}, actor="test", now=NOW)
    run("connections", "add", "--name=Told", name, user, environ=environ)
    asked, result = (container.connections.get_by_name(each).settings for each in ("Asked", "Told"))
    assert asked.model_copy(update={"moment_company": "1001"}) == result


def test_a_connection_has_a_unique_name(connection: Connection) -> None:
    assert "needs a name" in run_refused("connections", "add", "--name= ", *COMPANY, *ONE)
    assert "named Demo AS already" in run_refused(
        "connections", "add", f"--name={connection.name}", *COMPANY, *ONE
    )


def test_a_connection_not_started_is_never_paused(container: Container) -> None:
    container.connections.add("New AS", settings(), actor="test", now=NOW, started=False)
    (shown,) = json.loads(run("connections", "list", "--output=json"))
    assert (shown["state"], shown["paused_because"]) == ("not_started", "")


def test_connections_are_shown_without_their_secrets(container: Container, connection: Connection) -> None:
    container.connections.pause(connection.id, "The password is wrong.", now=worker_container.clock())
    assert "paused  The password is wrong." in run("connections", "list")
    output = run("connections", "show", "Demo AS")
    assert "demo@example.com" in output
    assert "books@example.com" in output
    assert "demo-password" not in output
    assert "moment-demo-key" not in output


def test_corrected_settings_resume_a_paused_connection(container: Container, connection: Connection) -> None:
    container.connections.pause(connection.id, "The password is wrong.", now=worker_container.clock())
    assert "password" in run_refused("connections", "set", "Demo AS", "--password=wrong")
    assert container.connections.get_by_name("Demo AS").paused_because
    run(
        "connections", "set", "Demo AS", "--password=demo-password", "--factoring-id=10077", "--error-email=a@b.no"
    )
    corrected = container.connections.get_by_name("Demo AS")
    assert not corrected.paused_because
    assert (corrected.settings.factoring_id, corrected.settings.error_emails) == (10077, ("a@b.no",))
    run("connections", "set", "Demo AS", "--factoring-id=", "--error-email=", "--no-check")
    back = container.connections.get_by_name("Demo AS").settings
    assert (back.factoring_id, back.error_emails) == (None, ())


def test_a_new_password_is_prompted_for_and_never_read_from_the_environment(
    container: Container, connection: Connection
) -> None:
    run("connections", "set", connection.name, "--no-check", "--password", typed="new-password\n")
    environ = {"CONNECTION_PASSWORD": "another-password"}
    run("connections", "set", connection.name, "--no-check", "--client-id=77", environ=environ)
    settings = container.connections.get(connection.id).settings
    assert (settings.password.get_secret_value(), settings.client_id) == ("new-password", "77")


def test_a_connection_is_paused_and_resumed(container: Container, connection: Connection) -> None:
    run("connections", "pause", connection.name, "--because=We move house.")
    assert container.connections.get(connection.id).paused_because == "We move house."
    run("connections", "resume", connection.name)
    assert not container.connections.get(connection.id).paused_because
    run("connections", "pause", connection.name, "--because=")
    assert container.connections.get(connection.id).paused_because == "No reason given."


def test_a_connection_whose_last_test_failed_is_resumed_only_if_forced(
    container: Container, connection: Connection
) -> None:
    container.connections.pause(connection.id, "Year end.", actor="kari", now=clock())
    container.connections.save_test_result(connection.id, failed_checks=2, at=clock())
    assert "The last test of Demo AS found 2 errors." in run_refused("connections", "resume", connection.name)
    run("connections", "resume", connection.name, "--despite-failed-test")
    assert "needs_attention test_failed" in run("connections", "show", connection.name)


def test_a_self_paused_connection_needs_a_passed_test_or_force_to_resume(
    container: Container, connection: Connection
) -> None:
    refused_login = outages.problem(AlertType.PAUSED)
    circuit_breaker.pause(container.database, connection.id, refused_login, now=clock())
    result = run_refused("connections", "resume", connection.name)
    assert "Demo AS paused itself, and no test has passed since then." in result
    run("connections", "resume", connection.name, "--despite-failed-test")
    assert container.connections.get(connection.id).paused_because == ""


def test_a_new_webhook_url_ends_the_old_one(container: Container, connection: Connection) -> None:
    first, second = (run("connections", "webhook-url", connection.name).split()[-1] for _ in range(2))
    assert webhook_intake.find_target(container.database, first.rpartition("/")[2]) is None
    assert webhook_intake.find_target(container.database, second.rpartition("/")[2]) == WebhookTarget(
        connection.id, connection.settings.entity_types
    )


def test_a_connections_settings_are_tested(connection: Connection) -> None:
    assert "24SevenOffice client: Demo AS" in run("connections", "check", connection.name)
    assert "no connection called Nobody" in run_refused("connections", "check", "Nobody")


def test_jobs_that_need_attention_are_listed_and_shown_with_their_attempts(
    container: Container, connection: Connection
) -> None:
    change_id = str(add_failed_job(container, connection))
    assert "Invoice 1024  needs_attention" in run("jobs", "list")
    assert run("jobs", "list", "--state=queued") == "Nothing.\n"
    output = run("jobs", "show", change_id)
    assert "Open the account in 24SevenOffice." in output
    assert "failed account The account 3999 is unknown." in " ".join(output.split())
    assert "no job 4711" in run_refused("jobs", "show", "4711")


def test_jobs_are_retried_by_number_or_error_code(container: Container, connection: Connection) -> None:
    first, second = (
        add_failed_job(container, connection, record_id="1"),
        add_failed_job(container, connection, record_id="2"),
    )
    assert run("jobs", "retry", str(first)) == "Retrying: 1.\n"
    assert states(container) == {first: JobState.QUEUED, second: JobState.NEEDS_ATTENTION}
    assert run("jobs", "retry", "--connection=Demo AS", "--error-code=other") == "Retrying: 0.\n"
    assert run("jobs", "retry", "--connection=Demo AS", "--error-code=account") == "Retrying: 1.\n"
    assert states(container) == {first: JobState.QUEUED, second: JobState.QUEUED}
    assert container.redis.llen("sync") == 1
    assert "either" in run_refused("jobs", "retry")


def test_all_jobs_with_an_error_code_are_retried_in_every_connection(
    container: Container, connection: Connection
) -> None:
    other, _ = container.connections.add(
        "Fjord", settings(moment_company="fjord"), actor="test", now=worker_container.clock()
    )
    for each in (connection, other):
        add_failed_job(container, each)
    assert run("jobs", "retry", "--error-code=account") == "Retrying: 2.\n"
    assert set(states(container).values()) == {JobState.QUEUED}


def test_a_job_resolved_by_hand_stays_dismissed(container: Container, connection: Connection) -> None:
    change_id = str(add_failed_job(container, connection))
    assert run("jobs", "dismiss", change_id) == "Dismissed: 1.\n"
    assert set(states(container).values()) == {JobState.DISMISSED}
    assert "Resolved manually (CLI)" in run("jobs", "show", change_id)


def test_jobs_are_closed_by_error_code_or_connection(container: Container, connection: Connection) -> None:
    for record_id in ("1", "2"):
        add_failed_job(container, connection, record_id=record_id)
    unwanted = "--because=Skipped permanently"
    assert run("jobs", "dismiss", "--error-code=other", unwanted) == "Dismissed: 0.\n"
    assert run("jobs", "dismiss", "--connection=Demo AS", "--error-code=account", unwanted) == "Dismissed: 2.\n"
    assert run("jobs", "list", "--state=dismissed").count("Skipped permanently (CLI)") == 2
    assert "either" in run_refused("jobs", "dismiss", "1", "--connection=Demo AS")


def test_an_unknown_job_cannot_be_selected(container: Container, connection: Connection) -> None:
    job_id = add_failed_job(container, connection)
    assert "--limit" in run_refused("jobs", "list", "--limit=-1")
    for verb in ("retry", "dismiss"):
        assert "no job 4711" in run_refused("jobs", verb, str(job_id), "4711")
    assert states(container) == {job_id: JobState.NEEDS_ATTENTION}


def test_the_calls_to_both_systems_are_shown_on_request(
    container: Container, connection: Connection, fresh_systems: Systems
) -> None:
    fresh_systems.control("moment", "POST", f"companies/1001/invoices/{DRAFT}/finalize")
    enqueue(container.database, connection.id, [Record(EntityType.INVOICE, DRAFT)], now=worker_container.clock())
    tasks.sync_invoices(connection.id)
    (view,) = (
        each
        for each in job_list.latest(container.database, JobFilter())
        if each.record.entity_type is EntityType.INVOICE
    )
    assert f"GET invoices/{DRAFT}" not in run("jobs", "show", str(view.id))
    output = run("jobs", "show", str(view.id), "--calls")
    assert f"GET invoices/{DRAFT}" in output
    assert '"invoiceState": "finalized"' in output


def with_factor(container: Container) -> str:
    """Add a user with a second factor, and return the secret of their app."""
    database, vault, rights = container.database, container.vault, Rights(Role.VIEWER, Scope())
    user = users.add(database, "anna@example.com", rights, password=None, actor="test", now=clock())
    offered = second_factor.offer(vault, user)
    key, _ = second_factor.app_key(vault, user, offered)
    second_factor.set_up(database, vault, user, offered, TOTP(key).at(clock()), now=clock())
    return key


def test_rotating_keys_encrypts_all_secrets_with_the_new_key(
    environ: dict[str, str], connection: Connection
) -> None:
    new = run("keys", "new").strip()
    with installed(environ) as container:
        key = with_factor(container)
    with installed({**environ, "SECRET_KEYS": f"{new},{environ['SECRET_KEYS']}"}):
        assert "first key: 1." in run("keys", "rotate")
    with installed({**environ, "SECRET_KEYS": new}) as moved:
        assert moved.connections.get(connection.id).settings == connection.settings
        user, later = users.get_by_email(moved.database, "anna@example.com"), clock() + timedelta(minutes=1)
        assert second_factor.use_code(moved.database, moved.vault, user.id, TOTP(key).at(later), now=later)
    with installed({**environ, "SECRET_KEYS": Fernet.generate_key().decode()}):
        assert "None of the SECRET_KEYS" in run_refused("connections", "show", connection.name)
        assert "password can't be decrypted" in run("connections", "list")


def test_secrets_that_no_key_decrypts_are_named_and_the_others_move(
    environ: dict[str, str], connection: Connection
) -> None:
    new, lost = (Fernet.generate_key().decode() for _ in range(2))
    with installed({**environ, "SECRET_KEYS": lost}) as container:
        with_factor(container)
        aas, _ = container.connections.add("Aas AS", settings(moment_company="1002"), actor="test", now=clock())
        typed = {"username": "demo@example.com", "password": "lost"}
        container.operations.request(OperationType.CLIENTS, aas.id, input_=typed, actor="test", now=clock())
    with installed({**environ, "SECRET_KEYS": f"{new},{environ['SECRET_KEYS']}"}):
        output = run_refused("keys", "rotate")
        assert "first key: 1." in output
        assert "the password and the API key of Aas AS" in output
        assert "the second factor of anna@example.com" in output
    with installed({**environ, "SECRET_KEYS": new}) as moved:
        assert moved.connections.get(connection.id).settings == connection.settings


def test_records_with_a_warning_are_listed_whatever_their_state(
    container: Container, connection: Connection
) -> None:
    for number, warnings in (("1", (msg("The street was cut."),)), ("2", ())):
        completed_job(
            container.database,
            connection.id,
            Record(EntityType.CUSTOMER, number),
            title=f"Customer {number}",
            warnings=warnings,
        )
    output = run("jobs", "list", "--with-warning")
    assert "Customer 1" in output
    assert "The street was cut." in output
    assert "Customer 2" not in output
    assert run("jobs", "list").strip() == "Nothing."
    assert "Customer 2" in run("jobs", "list", "--updated-since=2026-01-01")
    assert run("jobs", "list", "--updated-since=2126-01-01T00:00:00Z").strip() == "Nothing."
    assert "not an instant such as" in run_refused("jobs", "list", "--updated-since=yesterday")


def test_missing_settings_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEYS"):
        monkeypatch.delenv(name, raising=False)
    worker_container.get_container.cache_clear()
    assert "DATABASE_URL, SECRET_KEYS, REDIS_URL" in run_refused("connections", "list")


def test_the_database_can_be_migrated_any_number_of_times(container: Container) -> None:
    assert run("migrate") == run("migrate") == "The database is up to date.\n"
    assert container.connections.all() == []


def test_a_database_of_a_newer_release_is_named_and_left_alone(container: Container) -> None:
    version = text("update alembic_version set version_num = :number")
    newest = container.database.scalar(
        select(literal_column("version_num", String)).select_from(text("alembic_version"))
    )
    container.database.execute(version.bindparams(number="4711"))
    assert "The database is at migration 4711, newer than this release." in run_refused("migrate")
    container.database.execute(version.bindparams(number=newest))


def test_the_database_goes_back_to_an_older_release_and_forward_again(
    container: Container, connection: Connection
) -> None:
    assert "back at version 0010" in run("migrate", "--back-to=0010", typed="y\n")
    assert "no way back to version 4711" in run_refused("migrate", "--back-to=4711", typed="y\n")
    run("migrate")
    assert container.connections.get(connection.id) == connection


def test_an_integration_without_a_heartbeat_is_reported(container: Container) -> None:
    assert "no sweep" in run_refused("alive")
    container.redis.set("heartbeat", "")
    run("alive")


@pytest.mark.usefixtures("container")
def test_a_worker_that_does_not_respond_is_reported() -> None:
    assert "does not respond" in run_refused("alive", "--here")


def test_a_worker_counts_as_alive_while_redis_is_down(environ: dict[str, str]) -> None:
    with installed({**environ, "REDIS_URL": "redis://127.0.0.1:1/0"}):
        assert run("alive", "--here") == ""


def states(container: Container) -> dict[int, JobState]:
    return {view.id: view.state for view in job_list.latest(container.database, JobFilter())}


def test_a_customer_is_relinked(container: Container, connection: Connection) -> None:
    customers = [Record(EntityType.CUSTOMER, each) for each in "78"]
    job_ids = [
        completed_job(container.database, connection.id, each, title=f"Customer {each.id}").id
        for each in customers
    ]
    links.save(container.database, connection.id, customers[0], Link("10001"), now=NOW)
    links.save(container.database, connection.id, customers[1], Link("10002"), now=NOW)
    assert "Customer 8" not in run("jobs", "relink", str(job_ids[0]), "10300")
    assert links.find(container.database, connection.id, customers[0]) is None
    assert questions.answers(container.database, job_ids) == {job_ids[0]: "10300"}
    assert "relink that one first" in run_refused("jobs", "relink", str(job_ids[0]), "10002")
    assert "isn't a customer number" in run_refused("jobs", "relink", str(job_ids[0]), "A-1")
    assert run("jobs", "relink", str(job_ids[0])) == "Customer 7: being matched again.\n"
    assert questions.answers(container.database, job_ids) == {}
    invoice = completed_job(
        container.database, connection.id, Record(EntityType.INVOICE, "9"), title="Invoice 9"
    ).id
    assert "Only a customer" in run_refused("jobs", "relink", str(invoice))


def commands(group: click.Group, path: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, listed in group.commands.items():
        command = listed.load() if isinstance(listed, LazyCommand) else listed
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")


def test_help_mentions_only_commands_that_exist() -> None:
    known = dict(commands(main))
    texts = [f"{command.help} {command.__doc__}" for command in known.values()]
    named = {each for help_ in texts for each in re.findall(r"`([a-z]+ [a-z]+)`", help_)}
    assert {"jobs list", "jobs choose", "jobs show"} <= named
    assert named <= set(known)


def test_a_connection_may_change_client_once_its_links_are_set_aside(
    container: Container, connection: Connection
) -> None:
    links.save(container.database, connection.id, Record(EntityType.CUSTOMER, "7"), Link("10001"), now=NOW)
    company = ("--moment-company=1002", "--no-check")
    assert "Nothing was saved" in run_refused("connections", "set", connection.name, *company)
    other = ("--username=many@example.com", "--no-check")
    assert "Nothing was saved" in run_refused("connections", "set", connection.name, *other)
    assert "Pause the connection first" in run_refused("connections", "unlink", connection.name, "--yes")
    run("connections", "pause", connection.name)
    assert "Links set aside: 1." in run("connections", "unlink", connection.name, typed="y\n")
    run("connections", "set", connection.name, *company)
    assert container.connections.get(connection.id).settings.moment_company == "1002"


def test_another_user_of_the_same_client_is_accepted_despite_links(
    container: Container, connection: Connection
) -> None:
    container.cached_erp(connection).tax_codes()
    links.save(container.database, connection.id, Record(EntityType.CUSTOMER, "7"), Link("10001"), now=NOW)
    demo, fjord, _ = container.erp(settings(username="many@example.com", password="many-password")).identities()
    set_ = ("connections", "set", connection.name, *MANY)
    assert "Nothing was saved" in run_refused(*set_, f"--identity-id={fjord.id}")
    assert "Settings of Demo AS saved." in run(*set_, f"--identity-id={demo.id}")


def test_a_type_switched_on_again_starts_today_unless_a_day_is_given(
    container: Container, connection: Connection
) -> None:
    off, on = ("--entity-type=customer", "--no-check"), ("--entity-type=customer", "--entity-type=invoice")
    set_ = ("connections", "set", connection.name)
    run(*set_, *off)
    today = container.clock().astimezone(OSLO).date()
    assert f"Anything dated before {today} is skipped (invoice_from)." in run(*set_, *on, "--no-check")
    assert container.connections.get(connection.id).settings.invoice_from == today
    run(*set_, *off)
    run(*set_, *on, "--no-check", "--invoice-from=2026-01-01")
    assert str(container.connections.get(connection.id).settings.invoice_from) == "2026-01-01"


def test_a_moment_company_can_be_connected_only_once(container: Container, connection: Connection) -> None:
    output = run_refused("connections", "add", "--name=Again AS", *COMPANY, *ONE)
    assert "There is already a connection for this Moment company." in output
    assert connection.name not in output.partition("Error:")[2]
    other, _ = container.connections.add("Fjord", settings(moment_company="1002"), actor="test", now=NOW)
    output = run_refused("connections", "set", other.name, "--moment-company=1001", "--no-check")
    assert "There is already a connection for this Moment company." in output
