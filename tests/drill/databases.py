"""Drills about the database itself: a restored backup, a standby that was behind, a new key."""

import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path

from i18n.formatting import OSLO
from local.demo_user import expect
from tests.deploy import backups
from tests.drill.demo_system import DemoSystem, Outcome


def restore(demo: DemoSystem) -> Outcome:
    """Back up, work on, lose the database, restore it as in the runbook, and start everything."""
    stack, url = demo.stack, demo.stack.environment["DATABASE_URL"]
    folder = backups.folder_for_programs(stack.postgres_folder / "backups")
    made = backups.back_up(url, folder=folder)
    expect("exit code of the backup", made.returncode, 0)
    (dump,) = folder.glob("*.dump")
    demo.write()
    demo.until_well()
    stack.stop()
    demo.write(1)
    restored = backups.restore(url, dump)
    expect("exit code and errors of the restore", (restored.returncode, restored.stderr), (0, ""))
    stack.command("migrate")
    message = stack.command("restore", "--at-work")
    stack.replace()
    seconds = demo.until_well()
    shutil.rmtree(folder)
    counts = made.stdout.rpartition(", ")[2].strip().rstrip(".")
    expect("what restore says", "to be verified first" in message, expected=True)
    return Outcome(
        seconds=seconds,
        asserted=f"the backup passed its test restore ({counts}); links lost since are found again",
    )


def failover(demo: DemoSystem) -> Outcome:
    """Lose the primary with its last commits, and continue with a standby that was behind."""
    stack, url = demo.stack, demo.stack.environment["DATABASE_URL"]
    state, data = stack.postgres_folder, stack.postgres_folder / "data"
    env = backups.postgres_environment(url)
    behind_since = datetime.now(OSLO) - timedelta(minutes=5)
    copied = backups.run("pg_basebackup", "--pgdata=standby", "--checkpoint=fast", cwd=state, env=env)
    expect("what pg_basebackup says", (copied.returncode, copied.stderr), (0, ""))
    demo.write()
    demo.until_well()  # committed, and lost with the primary
    stack.stop()
    stack.postgres.kill()
    _put_in_place(state / "standby", data)
    stack.postgres.start()
    stack.command("restore", "--at-work", f"--since={behind_since:%Y-%m-%d %H:%M}")
    stack.replace()
    demo.write(1)
    return Outcome(seconds=demo.until_well(), asserted="what the standby lacked is found, not posted again")


def keys(demo: DemoSystem) -> Outcome:
    """Put a new key first, encrypt everything again, remove the old key, and work on."""
    stack = demo.stack
    old, new = stack.environment["SECRET_KEYS"], stack.command("keys", "new").strip()
    stack.environment["SECRET_KEYS"] = f"{new},{old}"
    stack.replace()
    rotated = stack.command("keys", "rotate")
    expect("connections rotated", rotated.strip().rpartition(" ")[2], "1.")
    stack.environment["SECRET_KEYS"] = new
    began = time.monotonic()
    stack.replace()
    demo.write()
    demo.until_well()
    return Outcome(seconds=time.monotonic() - began, asserted="the new key alone decrypts everything")


def _put_in_place(standby: Path, data: Path) -> None:
    shutil.rmtree(data)
    standby.rename(data)
