"""The role that the integration has in Compose's PostgreSQL: it owns its database, and is no superuser."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url, select, text

from local import servers
from local.processes import ROOT
from models.database import Database, is_behind, migrate
from models.schema.tables import BackupRow
from tests.deploy.backups import back_up, folder_for_programs, postgres_environment, restore, run
from tests.deploy.recipe import SERVICES

SCRIPT = ROOT / "deploy" / "postgres" / "role.sql"
NAME = "integration"
"""Of role and database; the superuser of these servers has the name that the role has in Compose."""

PASSWORD = "its 'own' password"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A server whose database was prepared as the image prepares it."""

    folder: Path
    superuser_url: str
    role_url: str

    def ask(self, url: str, sql: str, *more: str) -> subprocess.CompletedProcess[str]:
        return psql(url, "--tuples-only", "--no-align", f"--command={sql}", *more, folder=self.folder)


def psql(url: str, *options: str, folder: Path, script: Path | None = None) -> subprocess.CompletedProcess[str]:
    environ = postgres_environment(url) | {"POSTGRES_PASSWORD": PASSWORD}
    always = ("--variable=ON_ERROR_STOP=1", "--no-password", "--no-psqlrc")
    return run("psql", *always, *options, cwd=folder, env=environ, script=script)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    state = tmp_path_factory.mktemp("servers") / "postgres"
    with servers.postgres(state, port=0, durable=False) as server, tempfile.TemporaryDirectory() as name:
        folder, own = folder_for_programs(Path(name)), make_url(server.url).set(database=NAME)
        role_url = own.set(username=NAME, password=PASSWORD).render_as_string(hide_password=False)
        assert psql(server.url, f"--command=create database {NAME}", folder=folder).returncode == 0
        prepared = psql(own.render_as_string(hide_password=False), folder=folder, script=SCRIPT)
        assert (prepared.returncode, prepared.stderr) == (0, "")
        migrate(SecretStr(role_url))
        yield Cluster(folder=folder, superuser_url=server.url, role_url=role_url)


def test_the_role_owns_its_database_and_has_no_other_right(cluster: Cluster) -> None:
    rights = cluster.ask(
        cluster.role_url,
        "select pg_get_userbyid(datdba), rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
        " from pg_database, pg_roles where datname = current_database() and rolname = current_user",
    )
    assert rights.stdout.split("|") == [NAME, "f", "f", "f", "f", "f\n"]
    runs_a_program = cluster.ask(cluster.role_url, "copy (select 1) to program 'true'")
    assert "permission denied to COPY to or from an external program" in runs_a_program.stderr


def test_the_superuser_cannot_log_in_over_the_network(cluster: Cluster) -> None:
    for password in (str(make_url(cluster.superuser_url).password), PASSWORD):
        url = make_url(cluster.superuser_url).set(password=password).render_as_string(hide_password=False)
        assert "password authentication failed" in cluster.ask(url, "select 1").stderr


@pytest.mark.slow
def test_the_role_backs_up_and_restores_its_database(cluster: Cluster) -> None:
    url, kept = SecretStr(cluster.role_url), folder_for_programs(cluster.folder / "kept")
    with closing(Database(url, pool_size=1)) as database:
        database.execute(text("insert into backups (bytes) values (1)"))
        assert back_up(cluster.role_url, folder=kept).returncode == 0
        (dump,) = kept.glob("*.dump")
        for _ in range(2):  # the second time, the schema is one that the role has made
            database.execute(text("insert into backups (bytes) values (2)"))
            restored = restore(cluster.role_url, dump)
            assert (restored.returncode, restored.stderr) == (0, "")
            assert database.scalars(select(BackupRow.bytes)) == [1]
        migrate(url)
        assert not is_behind(database)
        assert back_up(cluster.role_url, folder=kept).returncode == 0


def test_compose_gives_our_processes_the_role_and_keeps_the_superuser_to_the_image() -> None:
    server = SERVICES["postgres"]
    assert "POSTGRES_USER" not in server["environment"]  # the superuser is called postgres, as in any image
    assert server["environment"]["POSTGRES_DB"] == "moment24"
    assert "./deploy/postgres:/docker-entrypoint-initdb.d:ro" in server["volumes"]
    environments = [service["environment"] for service in SERVICES.values() if "environment" in service]
    urls = {each["DATABASE_URL"].partition(":$")[0] for each in environments if "DATABASE_URL" in each}
    assert (urls, SERVICES["backup"]["environment"]["PGUSER"]) == ({"postgresql://moment24"}, "moment24")
