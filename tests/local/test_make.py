"""What each target of the Makefile installs and prints, with a Python that only records how it is called."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config.settings import Settings
from local.processes import ROOT
from local.servers import free_ports

PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then
    case $2 in
        *base_prefix*) echo a build; exit ${GONE:-0} ;;
        *version_info*) exit ${TOO_OLD:-0} ;;
        *) exit ${NO_VENV:-0} ;;
    esac
fi
echo "$*" >> asked
if [ "$2" = local.install ]; then
    mkdir -p .venv/bin && cp "$0" .venv/bin/python
    touch .venv/installed-$3
fi
"""


CORES = os.cpu_count() or 1
PYTEST = f"-m pytest -n {CORES + (CORES + 1) // 2} --dist worksteal"


def _without_make() -> dict[str, str]:
    """Remove the variables of the `make` that runs the tests: its ARGS are not for these."""
    return {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKEOVERRIDES", "ARGS"}
    }


class Clone:
    """A folder with the Makefile, the lock files and that Python."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(ROOT / "Makefile", folder)
        for lock in ("requirements-local.lock", "requirements-dev.lock"):
            (folder / lock).touch()
        self.python = folder / "python"
        self.python.write_text(PYTHON)
        self.python.chmod(0o755)

    def make(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        command = ["make", f"PYTHON={self.python}", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=_without_make() | environ, capture_output=True, text=True, check=False
        )

    def asked(self, *arguments: str) -> list[str]:
        """Return the arguments that a target passes to Python."""
        (self.folder / "asked").unlink(missing_ok=True)
        done = self.make(*arguments)
        assert done.returncode == 0, done.stderr
        return (self.folder / "asked").read_text().splitlines()

    def change(self, lock: str) -> None:
        later = time.time() + 1
        os.utime(self.folder / lock, (later, later))


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_running_installs_no_developer_tools(clone: Clone) -> None:
    assert clone.asked("run") == ["-m local.install local", "-m local run"]
    assert clone.asked("worker", "ARGS=changes list") == ["-m local worker changes list"]


def test_running_and_testing_in_turn_installs_each_once(clone: Clone) -> None:
    assert clone.asked("test") == ["-m local.install local", "-m local.install dev", PYTEST]
    assert clone.asked("run") == ["-m local run"]
    assert clone.asked("test") == [PYTEST]


def test_a_changed_lock_file_leads_to_an_update(clone: Clone) -> None:
    clone.asked("test")
    clone.change("requirements-dev.lock")
    assert clone.asked("run") == ["-m local run"]
    assert clone.asked("test") == ["-m local.install dev", PYTEST]


def test_an_environment_whose_python_is_gone_is_installed_again(clone: Clone) -> None:
    clone.asked("run")
    (clone.folder / ".venv" / "bin" / "python").unlink()
    assert clone.asked("run") == ["-m local.install local", "-m local run"]


def test_without_a_suitable_python_a_message_says_what_to_install(clone: Clone) -> None:
    done = clone.make("run", "PYTHON=", PATH=str(tools(clone.folder)))
    assert done.returncode == 2
    assert "Python 3.11 or newer with its venv module is needed" in done.stderr


@pytest.mark.parametrize(
    ("environ", "wrong"),
    [
        ({"GONE": "127"}, "no Python starts under this name"),
        ({"TOO_OLD": "1"}, "Python 3.11 or newer is needed"),
        ({"NO_VENV": "1"}, "its venv module is missing (on Debian and Ubuntu: apt install python3-venv)"),
    ],
)
def test_an_unusable_requested_python_is_refused(clone: Clone, environ: dict[str, str], wrong: str) -> None:
    done = clone.make("run", **environ)
    assert done.stderr.splitlines()[0] == f"PYTHON={clone.python} cannot be used: {wrong}."
    assert done.returncode == 2
    assert not (clone.folder / "asked").exists()


def test_a_missing_requested_python_is_refused(clone: Clone) -> None:
    done = clone.make("run", "PYTHON=python3.99")
    assert done.stderr.splitlines()[0] == "PYTHON=python3.99 cannot be used: no Python starts under this name."
    assert done.returncode == 2


def test_an_environment_made_with_another_python_is_reported(clone: Clone) -> None:
    clone.asked("run")
    clone.python.write_text(PYTHON.replace("a build", "another build"))
    assert clone.make("run").stderr.startswith(
        f"PYTHON={clone.python} cannot be used: .venv was made with another Python; run `make clean` first.\n"
    )


def test_the_descriptions_of_all_targets_are_aligned(clone: Clone) -> None:
    lines = clone.make("help").stdout.splitlines()
    assert len({len(described) for line in lines for described in re.findall("^make [a-z-]+ +", line)}) == 1


def test_the_error_of_a_command_comes_before_the_error_of_make(tmp_path: Path) -> None:
    started_with(tmp_path, "")
    result = worker(f"--var {tmp_path} doctor --all")
    assert result.stderr.startswith("Error: These settings are missing: DATABASE_URL, SECRET_KEYS, REDIS_URL.\n")
    assert result.returncode == 2


@pytest.mark.parametrize(("sandbox", "make_run"), [("1", "make run"), ("0", "make run SANDBOX=0")])
def test_a_command_without_a_running_stack_is_an_error_of_make(
    tmp_path: Path, sandbox: str, make_run: str
) -> None:
    result = worker(f"--var {tmp_path} doctor --all", f"SANDBOX={sandbox}")
    assert result.stderr.splitlines()[0] == f"Error: Nothing has been run here yet. Start it with: {make_run}"
    assert result.returncode == 2
    (port,) = free_ports(0)
    started_with(tmp_path, f"DATABASE_URL=postgresql://moment24:x@127.0.0.1:{port}/postgres\n")
    result = worker(f"--var {tmp_path} doctor --all", f"SANDBOX={sandbox}")
    assert (
        result.stderr.splitlines()[0] == f"Error: The database or Redis does not respond. Is `{make_run}` running?"
    )
    assert result.returncode == 2


def test_an_unknown_command_is_an_error_of_make() -> None:
    result = worker("--var")
    assert "Option '--var' requires an argument." in result.stderr
    assert result.stderr.rstrip().endswith("worker] Error 2")
    assert result.returncode == 2


def started_with(var: Path, environment: str) -> None:
    """Make a folder with the record that ``make run`` leaves there."""
    for state in ("sandbox", "live"):
        (var / state).mkdir()
        (var / state / "environment").write_text(environment)


def worker(arguments: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run ``make worker`` in this folder, where everything is installed."""
    command = ["make", "--old-file=.venv/installed-local", f"BIN={Path(sys.executable).parent}", "worker"]
    environ = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return subprocess.run(
        [*command, f"ARGS={arguments}", *more], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def tools(folder: Path) -> Path:
    """Make a PATH with make and a shell, but no other Python."""
    there = folder / "bin"
    there.mkdir()
    for name in ("make", "sh"):
        (there / name).symlink_to(shutil.which(name) or name)
    return there
