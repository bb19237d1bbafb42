"""The nightly backup, on a real PostgreSQL: a file is kept only if it was restored and its data are the same."""

import os
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url, select, text

from local.processes import ROOT
from local.servers import postgres_binaries
from models.database import Database, downgrade, is_behind, migrate
from models.schema.tables import BackupRow
from tests.deploy.backups import back_up, folder_for_programs, postgres_environment, restore

DAY = 86400

OLDER = "0043"
"""A version whose tables cannot be dropped one by one from a newer database."""


@dataclass(frozen=True, kw_only=True)
class Backups:
    """A folder for backups of a database, and the programs that make them."""

    folder: Path
    database_url: str

    def run(self, **environ: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder / 'bin'}:{postgres_environment(self.database_url)['PATH']}"
        return back_up(self.database_url, folder=self.folder / "kept", more={"PATH": path, **environ})

    def wrap(self, program: str, script: str) -> None:
        """Replace a program of PostgreSQL by a script, which finds the real one in ``$real``."""
        wrapper = self.folder / "bin" / program
        wrapper.write_text(f"#!/bin/bash\nreal={postgres_binaries(os.environ) / program}\n{script}\n")
        wrapper.chmod(0o755)

    def kept(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "kept").iterdir() if path.name != ".lock")


@pytest.fixture
def backups(database_url: str) -> Iterator[Backups]:
    with tempfile.TemporaryDirectory() as folder:
        made = folder_for_programs(Path(folder))
        for name in ("bin", "kept"):
            folder_for_programs(made / name)
        yield Backups(folder=made, database_url=database_url)


def noted(database_url: str) -> list[int]:
    with closing(Database(SecretStr(database_url), pool_size=1)) as database:
        return list(database.scalars(select(BackupRow.bytes)))


@pytest.mark.slow
def test_a_backup_is_kept_and_recorded_if_its_copy_has_the_same_data(backups: Backups, database_url: str) -> None:
    """Rows that are written during the backup are neither in it nor counted."""
    old, recent = (backups.folder / "kept" / f"moment24-{name}.dump" for name in ("old", "recent"))
    for path, days in ((old, 31), (recent, 29)):
        path.touch()
        os.utime(path, (time.time() - days * DAY,) * 2)
    backups.wrap("pg_dump", 'psql -qc "insert into backups (bytes) values (7)" && exec $real "$@"')
    done = backups.run()
    assert done.returncode == 0, done.stdout + done.stderr
    made, still = backups.kept()
    assert still == "moment24-recent.dump"
    size = (backups.folder / "kept" / made).stat().st_size
    assert noted(database_url) == [7, size]
    listed = subprocess.run(
        (postgres_binaries(os.environ) / "pg_restore", "--list", backups.folder / "kept" / made),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "TABLE DATA public sync_jobs" in listed
    assert "counts agree" in done.stdout


@pytest.mark.slow
def test_a_backup_that_cannot_be_restored_completely_is_not_kept(backups: Backups, database_url: str) -> None:
    with closing(Database(SecretStr(database_url), pool_size=1)) as database:
        database.execute(text("insert into backups (bytes) values (1), (2)"))
    loses = '"$real" "$@" && psql -q "$1" --port=5432 --username=restorer restored -c "delete from backups where bytes = 1"'
    backups.wrap("pg_restore", loses)
    done = backups.run()
    assert done.returncode == 1
    assert "< backups 2" in done.stdout
    assert "The backup FAILED" in done.stdout
    assert backups.kept() == []
    assert noted(database_url) == [1, 2]


@pytest.mark.slow
def test_code_in_the_tables_cannot_touch_other_backups(backups: Backups, database_url: str) -> None:
    older = backups.folder / "kept" / "moment24-older.dump"
    older.touch()
    with closing(Database(SecretStr(database_url), pool_size=1)) as database:
        for statement in (
            f"""
            CREATE FUNCTION does() RETURNS void LANGUAGE plpgsql AS $$
            BEGIN
                EXECUTE $do$ COPY (SELECT 1) TO PROGRAM 'rm {older}' $do$;
            END $$
            """,
            """
            CREATE FUNCTION runs(number int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
            BEGIN
                IF current_database() = 'restored' THEN PERFORM public.does(); END IF;
                RETURN number;
            END $$
            """,
            "CREATE TABLE bait AS SELECT 1 AS number",
            "CREATE INDEX bait_index ON bait (runs(number))",
        ):
            database.execute(text(statement))
    done = backups.run()
    assert "permission denied to COPY to or from an external program" in done.stderr
    assert (done.returncode, backups.kept()) == (1, [older.name])


@pytest.mark.slow
def test_the_password_of_a_url_is_on_no_command_line(backups: Backups, database_url: str) -> None:
    url = make_url(database_url).set(username="keeper", password="ø\\x41%/s@")
    backups.wrap("psql", 'echo "$@" >> commands; exec $real "$@"')
    with closing(Database(SecretStr(database_url), pool_size=1)) as database:
        database.execute(text("CREATE ROLE keeper SUPERUSER LOGIN PASSWORD 'ø\\x41%/s@'"))
        done = backups.run(DATABASE_URL=url.render_as_string(hide_password=False), PGPASSWORD="wrong")
        database.execute(text("DROP ROLE keeper"))
    assert done.returncode == 0, done.stdout + done.stderr
    commands = (backups.folder / "kept" / "commands").read_text()
    assert f"--dbname=postgresql://keeper@{url.host}:{url.port}/" in commands
    assert "x41" not in commands


def test_the_options_of_a_url_reach_postgresqls_programs(backups: Backups, database_url: str) -> None:
    """Such as those that verify the server's certificate: psql of the tests lacks TLS."""
    options = "sslmode=verify-full&sslrootcert=/etc/moment24/postgresql.pem"
    backups.wrap("psql", 'echo "$@" >> commands; exit 1')
    assert backups.run(DATABASE_URL=f"{database_url}?{options}").returncode != 0
    assert f"?{options} " in (backups.folder / "kept" / "commands").read_text()


@pytest.mark.slow
def test_a_backup_of_an_older_release_replaces_a_newer_database(backups: Backups, database_url: str) -> None:
    """A newer release may have tables that refer to the older ones."""
    url = SecretStr(database_url)
    with closing(Database(url, pool_size=1)) as database:
        database.execute(text("insert into backups (bytes) values (1)"))
        downgrade(url, to=OLDER)
        assert backups.run().returncode == 0
        (dump,) = (backups.folder / "kept").glob("*.dump")
        migrate(url)
        database.execute(text("insert into backups (bytes) values (2)"))
        for _ in range(2):
            restored = restore(database_url, dump)
            assert (restored.returncode, restored.stderr) == (0, "")
            assert database.scalars(select(BackupRow.bytes)) == [1]
            assert is_behind(database)
        migrate(url)
        assert not is_behind(database)
    assert backups.run().returncode == 0


@pytest.mark.slow
def test_a_damaged_backup_changes_nothing(backups: Backups, database_url: str) -> None:
    assert backups.run().returncode == 0
    (dump,) = (backups.folder / "kept").glob("*.dump")
    before = noted(database_url)
    dump.write_bytes(dump.read_bytes()[: -dump.stat().st_size // 2])
    restored = restore(database_url, dump)
    assert restored.returncode == 1
    assert "The restore FAILED. The database is as it was." in restored.stdout
    assert noted(database_url) == before


@pytest.mark.slow
def test_a_second_backup_does_not_disturb_the_one_under_way(backups: Backups) -> None:
    backups.wrap("pg_restore", 'touch begun; until [ -e go ]; do sleep 0.1; done; exec $real "$@"')
    ends: list[subprocess.CompletedProcess[str]] = []
    first = threading.Thread(target=lambda: ends.append(backups.run()))
    first.start()
    while not (backups.folder / "kept" / "begun").exists():
        time.sleep(0.1)
    second = backups.run()
    (backups.folder / "kept" / "go").touch()
    first.join()
    assert (second.returncode, "Another backup is under way" in second.stdout) == (1, True)
    assert [end.returncode for end in ends] == [0]
    assert len([name for name in backups.kept() if name.endswith(".dump")]) == 1


def test_a_backup_refused_by_postgresql_says_why(backups: Backups) -> None:
    done = backups.run(PGPASSWORD="wrong")
    assert done.returncode != 0
    assert "password authentication failed" in done.stderr
    assert backups.kept() == []


def test_every_dump_of_the_guides_is_readable_by_its_owner_only() -> None:
    written = [
        (page.name, line)
        for page in (ROOT / "docs").glob("*.md")
        for line in page.read_text().splitlines()
        if re.search(r"> \S+\.dump\b", line)
    ]
    assert len(written) == 2
    assert [each for each in written if "(umask 077; " not in each[1]] == []
