import re

import pytest
from pyotp import TOTP

from models.enums import Role
from models.users import repository as users
from models.users import second_factor, sign_in
from tests.factories import NOW, settings
from tests.worker.cli import command_runner
from worker.container import Container


def run(*arguments: str, typed: str = "", password: str | None = None) -> str:
    return command_runner.run("users", *arguments, typed=typed, environ={"USER_PASSWORD": password})


def run_refused(*arguments: str) -> str:
    return command_runner.run_refused("users", *arguments)


def knows(container: Container, email: str, password: str) -> bool:
    try:
        return sign_in.check_password(container.database, email, password, address="", now=NOW).user_id > 0
    except sign_in.SignInRefusedError:
        return False


def test_a_user_is_added_with_a_password_that_is_shown_once(container: Container) -> None:
    output = run("add", "Anna@Example.com", "--role=administrator")
    assert "anna@example.com can sign in at https://bridge.example/sign-in" in output
    password = re.search("shown only once: (.+)", output)
    assert password
    assert knows(container, "anna@example.com", password[1])
    assert run("list").splitlines()[1].split() == ["anna@example.com", "administrator", "all"]


def test_a_chosen_password_is_not_shown(container: Container) -> None:
    assert "horse" not in run("add", "a@example.com", "--role=viewer", password="correct horse battery")
    assert "horse" not in run("add", "b@example.com", "--role=viewer", "--password", typed="correct horse 2\n")
    assert knows(container, "a@example.com", "correct horse battery")
    assert knows(container, "b@example.com", "correct horse 2")
    assert "15 to 200 characters" in run_refused("password", "a@example.com", "--password=short")
    run("password", "a@example.com", password="another horse battery")
    assert knows(container, "a@example.com", "another horse battery")
    assert not knows(container, "a@example.com", "correct horse battery")


def test_a_user_may_be_limited_to_some_connections(container: Container) -> None:
    container.connections.add("Demo AS", settings(), actor="test", now=NOW)
    run("add", "a@example.com", "--role=operator", "--connection=Demo AS")
    assert users.get_by_email(container.database, "a@example.com").rights.role is Role.OPERATOR
    assert run("list").splitlines()[1].split() == ["a@example.com", "operator", "Demo", "AS"]
    assert "no connection called Other" in run_refused(
        "add", "b@example.com", "--role=viewer", "--connection=Other"
    )


@pytest.mark.usefixtures("container")
def test_a_user_is_disabled_and_enabled_but_not_the_last_administrator() -> None:
    run("add", "a@example.com", "--role=administrator")
    run("add", "b@example.com", "--role=viewer")
    run("disable", "b@example.com")
    assert "disabled" in run("list")
    run("enable", "b@example.com")
    assert "disabled" not in run("list")
    assert "At least one administrator" in run_refused("disable", "a@example.com")
    assert "no user c@example.com" in run_refused("disable", "c@example.com")
    assert "already" in run_refused("add", "a@example.com", "--role=viewer")
    assert "Enter a valid email address." in run_refused("add", "c", "--role=viewer")


def test_a_lost_second_factor_is_removed(container: Container) -> None:
    run("add", "a@example.com", "--role=administrator")
    user, vault = users.get_by_email(container.database, "a@example.com"), container.vault
    offered = second_factor.offer(vault, user)
    key, _ = second_factor.app_key(vault, user, offered)
    second_factor.set_up(container.database, vault, user, offered, TOTP(key).at(NOW), now=NOW)
    assert "second factor" in run("list")
    assert "the password only" in run("reset-factor", "a@example.com")
    assert not users.get(container.database, user.id).has_factor
    assert "second factor" not in run("list")
    assert "no user c@example.com" in run_refused("reset-factor", "c@example.com")
