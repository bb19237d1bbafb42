"""The imports of each process: it spends memory and time only on what it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installation import environment

ROOT = Path(__file__).parents[2]
NOWHERE = environment("postgresql://nobody@127.0.0.1:1/none", "redis://127.0.0.1:1/0")
REMOTE = ("zeep", "lxml", "authlib", "alembic", "sync.runner", "worker.tasks")
FLOWS = (*REMOTE, "sync.flows.invoices")


def imported_by(code: str) -> set[str]:
    """Return the modules that a new Python has imported after this code."""
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    env = {**os.environ, **NOWHERE, "FLOWER_BASIC_AUTH": "admin:not-a-password", "LOG_LEVEL": "ERROR"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


BEAT = """
from celery.apps.beat import Beat
from worker.beat import app, shared_now
Beat(app=app).init_loader()
assert app.conf.beat_schedule and shared_now()
"""


COMMAND = """
import config.logging, worker.cli.connections
config.logging.configure_command()
worker.cli.connections.get_container()
"""


@pytest.mark.parametrize(
    ("code", "needed", "others"),
    [
        ("from web.app import create_app; create_app()", "fastapi", (*REMOTE, "zxcvbn")),
        (
            BEAT,
            "sqlalchemy",
            (*FLOWS, "fastapi", "integrations", "prometheus_client", "worker.container"),
        ),
        (
            "from worker.flower import app; app.conf.broker_url",
            "flower",
            (*FLOWS, "sqlalchemy", "pydantic", "integrations", "models", "worker.container"),
        ),
        (
            COMMAND,
            "sqlalchemy",
            (*FLOWS, "redis", "celery", "fastapi", "argon2", "integrations", "models.admin", "worker.cli.errors"),
        ),
    ],
    ids=["web", "beat", "Flower", "command"],
)
def test_a_process_imports_only_its_own_modules(code: str, needed: str, others: tuple[str, ...]) -> None:
    imported = imported_by(code)
    assert needed in imported
    assert [name for name in others if name in imported] == []


def test_only_a_process_that_starts_as_a_worker_imports_the_tasks() -> None:
    code = "from worker.celery_app import app; before = set(app.tasks)\n"
    start = "from celery import signals; signals.worker_init.send(None)\nassert 'sync_invoices' in app.tasks\n"
    assert "worker.tasks" in imported_by(f"{code}assert 'sync_invoices' not in before\n{start}")
