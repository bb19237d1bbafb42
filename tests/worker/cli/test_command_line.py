"""The command line as such: its imports, exit codes, version and completion."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from threading import Thread

import click
import pytest

from models.connections.repository import Connection
from models.enums import EntityType, Lane
from models.inbox import due
from tests.installation import installed
from tests.worker.cli.command_runner import invoke, run
from tests.worker.test_imports import imported_by
from worker import __main__ as command_line
from worker.__main__ import main
from worker.container import Container
from worker.lazy_command import LazyCommand

ROOT = Path(__file__).parents[3]
HEAVY = ("zeep", "sqlalchemy", "celery", "fastapi", "pydantic")


def exit_code(*arguments: str, typed: str = "") -> int:
    return invoke(*arguments, typed=typed).exit_code


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["nonsense"]])
def test_help_imports_only_the_libraries_it_needs(arguments: Sequence[str]) -> None:
    code = f"from worker.__main__ import main\nmain({list(arguments)}, standalone_mode=False)"
    imported = imported_by(f"try:\n    exec({code!r})\nexcept Exception:\n    pass")
    assert "click" in imported
    assert [name for name in HEAVY if name in imported] == []


@pytest.mark.parametrize("group", ["", "connections"])
def test_every_listed_command_exists_and_has_help(group: str) -> None:
    listing = main.commands[group] if group else main
    group_ = listing.load() if isinstance(listing, LazyCommand) else listing
    assert isinstance(group_, click.Group)
    listed = {name: each.load() for name, each in group_.commands.items() if isinstance(each, LazyCommand)}
    assert listed
    assert [name for name, each in listed.items() if each.name != name or not each.help] == []


def test_the_installed_command_runs_this_code() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module, _, name = project["project"]["scripts"]["moment24"].partition(":")
    assert getattr(import_module(module), name) is command_line.run
    assert run("--version") == f"moment24 {project['project']['version']}\n"


@pytest.mark.usefixtures("container")
def test_success_exits_with_0_and_a_refusal_with_2(connection: Connection) -> None:
    assert exit_code("connections", "show", connection.name) == 0
    assert exit_code("connections", "show", "Nobody AS") == 2
    assert exit_code("connections", "show") == 2
    assert exit_code("nonsense") == 2


@pytest.mark.usefixtures("container")
def test_findings_exit_with_1() -> None:
    assert exit_code("alive") == 1


def test_an_unreachable_system_exits_with_3(environ: dict[str, str], connection: Connection) -> None:
    with installed({**environ, "REDIS_URL": "redis://127.0.0.1:1/0"}):
        assert exit_code("alive") == 3
    with installed({**environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}):
        assert exit_code("connections", "list") == 3
    with installed({**environ, "TWENTYFOUR_API_URL": "http://127.0.0.1:1"}):
        assert exit_code("connections", "check", connection.name) == 3


def test_a_crash_prints_a_traceback_and_exits_with_its_own_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def crash() -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(main.commands, "crash", click.Command("crash", callback=crash))
    monkeypatch.setattr(sys, "argv", ["moment24", "crash"])
    monkeypatch.setattr(main, "callback", None)
    with pytest.raises(SystemExit) as ended:
        command_line.run()
    assert ended.value.code == 70
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_answering_no_exits_with_130(container: Container) -> None:
    assert exit_code("migrate", "--back-to=0010", typed="n\n") == 130
    assert container.connections.all() == []


def examples(group: click.Group) -> Iterator[str]:
    for listed in group.commands.values():
        command = listed.load() if isinstance(listed, LazyCommand) else listed
        yield from re.findall(r"^  moment24 (.+)$", command.epilog or "", re.MULTILINE)
        if isinstance(command, click.Group):
            yield from examples(command)


def test_every_example_in_help_is_valid() -> None:
    found = list(examples(main))
    assert len(found) > 5
    assert [each for each in found if exit_code(*shlex.split(each.partition(" > ")[0]), "--help")] == []


def test_a_stopped_command_says_how_to_continue(container: Container, connection: Connection) -> None:
    def stop() -> None:
        lane = Lane(connection.id, EntityType.CUSTOMER)
        while not due.count(container.database, lane, now=container.clock()):  # however slow the machine is
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    stopping = Thread(target=stop)
    stopping.start()
    days = ("--from=2020-01-01", "--to=2030-12-31", "--entity-type=customer")
    result = invoke("connections", "backfill", connection.name, *days)
    stopping.join()
    assert result.exit_code == 130
    assert "Stopped. Workers finish the records already queued. Run the same command again" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands_without_importing_them(shell: str, tmp_path: Path) -> None:
    script = tmp_path / "moment24"
    script.write_text(f"#!{sys.executable}\nfrom worker.__main__ import run\nrun()\n")
    script.chmod(0o755)
    words = {"COMP_WORDS": "moment24 rec", "COMP_CWORD": "rec" if shell == "fish" else "1"}
    environ = {**os.environ, **words, "_MOMENT24_COMPLETE": f"{shell}_complete", "PYTHONPATH": str(ROOT)}
    result = subprocess.run([str(script)], env=environ, capture_output=True, text=True, check=True).stdout
    assert "reconcile" in result
    assert "restore" not in result
