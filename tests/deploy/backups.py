"""Runs the backup script on this machine, with the programs of the PostgreSQL that the tests use."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import make_url

from local.processes import ROOT, server_account
from local.servers import postgres_binaries

SCRIPT = ROOT / "deploy" / "backup" / "backup.sh"


def folder_for_programs(folder: Path) -> Path:
    """Make a folder that the servers' account may write to."""
    folder.mkdir(exist_ok=True)
    if account := server_account():
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder


def postgres_environment(database_url: str) -> dict[str, str]:
    """Return libpq's environment for a database, and the path of PostgreSQL's programs."""
    url = make_url(database_url)
    return {
        "PATH": f"{postgres_binaries(os.environ)}:{os.defpath}",
        "PGHOST": str(url.host),
        "PGPORT": str(url.port),
        "PGUSER": str(url.username),
        "PGPASSWORD": str(url.password),
        "PGDATABASE": str(url.database),
    }


def run(
    *command: str, cwd: Path, env: Mapping[str, str], script: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command as the servers' account, which may not be able to enter the folder of a ``script``."""
    account = server_account()
    with (script or Path(os.devnull)).open() as stdin:
        return subprocess.run(
            command,
            stdin=stdin,
            cwd=cwd,
            env=dict(env),
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            capture_output=True,
            text=True,
            check=False,
        )


def back_up(
    database_url: str, *, folder: Path, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Make a backup in a folder. We read the script, as the account may not be able to enter its folder."""
    env = postgres_environment(database_url) | {"BACKUP_FOLDER": str(folder)} | dict(more or {})
    return run("bash", "-s", "once", cwd=folder, env=env, script=SCRIPT)


def restore(database_url: str, dump: Path) -> subprocess.CompletedProcess[str]:
    """Replace the database by a backup, as the runbook says."""
    env = postgres_environment(database_url) | {"BACKUP_FOLDER": str(dump.parent)}
    return run("bash", "-s", "restore", str(dump), cwd=dump.parent, env=env, script=SCRIPT)
