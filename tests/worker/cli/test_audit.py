import json
import os
import subprocess
import sys
from collections.abc import Mapping

from models.connections.repository import Connection
from models.enums import Role, Scope
from models.users import repository as users
from models.users.repository import Rights
from tests.factories import NOW
from tests.worker.cli.command_runner import invoke
from worker.container import Container


def test_the_command_line_writes_its_log_apart_from_its_output(
    container: Container, connection: Connection, environ: Mapping[str, str]
) -> None:
    command = [sys.executable, "-m", "worker", "connections", "pause", connection.name, "--because=Summer."]
    ran = subprocess.run(
        command, env={**os.environ, **environ, "LOG_FORMAT": "json"}, capture_output=True, text=True, check=True
    )
    (logged,) = map(json.loads, ran.stderr.splitlines())
    assert (logged["event"], logged["actor"], logged["action"], logged["connection"]) == (
        "audit_entry",
        "CLI",
        "Paused: Summer.",
        connection.id,
    )
    assert "audit_entry" not in ran.stdout
    assert container.connections.get(connection.id).paused_because == "Summer."


def test_the_audit_log_is_printed_as_json_lines(container: Container, connection: Connection) -> None:
    rights = Rights(Role.VIEWER, Scope())
    users.add(container.database, "anna@example.com", rights, password=None, actor="test", now=NOW)

    def printed(*arguments: str) -> list[object]:
        output = invoke("audit", "export", *arguments).stdout
        return [(each["connection"], each["actor"]) for each in map(json.loads, output.splitlines())]

    assert printed() == [("Demo AS", "test"), (None, "test")]
    assert printed(f"--connection={connection.name}") == [("Demo AS", "test")]
