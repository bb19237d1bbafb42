"""A pooler before PostgreSQL: it refuses or ignores the start-up options of the integration."""

import re
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from local.processes import ROOT
from models.database import Database, is_behind, migrate
from tests.databases import Databases
from tests.installation import environment, installed, own_logging
from tests.pooler import pooler
from web.app import create_app

TIMEOUTS = ["idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"]
RECIPE = re.findall(
    r"^    alter role moment24 (set .*);$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE
)


@pytest.fixture
def with_recipe(databases: Databases, database_url: str) -> Iterator[None]:
    """The role with the runbook's settings, in this database only."""
    name = database_url.rpartition("/")[2]
    for setting in RECIPE:
        databases.execute(f"alter role moment24 in database {name} {setting}")
    yield
    databases.execute(f"alter role moment24 in database {name} reset all")


def lax(url: str) -> list[str]:
    database = Database(SecretStr(url), pool_size=1)
    assert not is_behind(database)
    found = database.lax_settings()
    database.close()
    return found


@pytest.mark.parametrize("ignores", [False, True])
def test_settings_that_a_pooler_drops_are_detected(database_url: str, *, ignores: bool) -> None:
    assert lax(database_url) == []
    with pooler(database_url, ignores_options=ignores) as url:
        assert lax(url) == TIMEOUTS


@pytest.mark.usefixtures("with_recipe")
@pytest.mark.parametrize("ignores", [False, True])
def test_behind_a_pooler_the_runbooks_recipe_puts_all_settings_in_effect(
    database_url: str, *, ignores: bool
) -> None:
    assert len(RECIPE) == 4
    with pooler(database_url, ignores_options=ignores) as url:
        assert lax(url) == []
        migrate(SecretStr(url))


def test_web_warns_at_startup_of_settings_not_in_effect(
    database_url: str, redis_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pooler(database_url) as url, installed(environment(url, redis_url)), own_logging():
        create_app()
    (warned,) = [line for line in capsys.readouterr().err.splitlines() if "session_settings_missing" in line]
    assert all(name in warned for name in TIMEOUTS)


def test_a_session_in_another_time_zone_is_detected(databases: Databases, database_url: str) -> None:
    name = database_url.rpartition("/")[2]
    databases.execute(f"alter role moment24 in database {name} set timezone = 'Europe/Oslo'")
    try:
        with pooler(database_url) as url:
            assert lax(url) == [*TIMEOUTS, "timezone"]
    finally:
        databases.execute(f"alter role moment24 in database {name} reset all")
