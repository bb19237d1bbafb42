"""``python -m local.install``: creates or updates ``.venv`` from a lock file, with only the standard library."""

import argparse
import fcntl
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

Report = Callable[[str], None]

ROOT = Path(__file__).parents[1]
PROGRESS_SECONDS = 2
LOCK = ".installing"
"""The file in the environment that an installation locks; no other account may open it."""

PIP = (
    *("pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off", "--require-hashes"),
    "--no-deps",  # a lock names everything, so there is nothing to resolve
    "--no-compile",  # pip would compile on one core
)
STEPS = "Collecting|Downloading|Using cached|Processing|Building|Requirement already satisfied:"
REMEDIES = {
    "No space left on device": "The disk is full: make room, then start again.",
    "No module named ensurepip": "Python's venv module is missing (Debian and Ubuntu: apt install python3-venv).",
    "Retrying (": "The package index cannot be reached. `pip config list` and the environment name it and the "
    "proxy. Without a network, set PIP_NO_INDEX=1, and PIP_FIND_LINKS to a folder of wheels.",
    "DO NOT MATCH THE HASHES": "The index has a different file than the lock file names. Ask its administrator.",
    "Failed building wheel": "There is no wheel for this platform, and it could not be built here.",
}


class NotInstalledError(Exception):
    """Something is missing; the message says what to do about it."""


def install(lock: Path, venv: Path, *, report: Report) -> None:
    """Install everything in the lock file into ``venv``; repair what is broken. Raises NotInstalledError."""
    stamp = venv / f"installed-{lock.stem.removeprefix('requirements-')}"
    with _locked(venv, report):
        if not _works(venv):
            _make(venv, report)
        if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
            stamp.unlink(missing_ok=True)
            _install(lock, venv, report)
        stamp.touch()


def _works(venv: Path) -> bool:
    """Return whether there is a Python with a complete pip. An installation writes the record last."""
    python, record = venv / "bin" / "python", "lib/python*/site-packages/pip-*.dist-info/RECORD"
    if not python.exists() or not any(venv.glob(record)):
        return False
    return subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode == 0  # noqa: S603 - the environment's own Python


def _make(venv: Path, report: Report) -> None:
    report(f"Creating {venv.name} with Python {platform.python_version()} ...")
    for old in venv.iterdir():  # as --clear does, except the lock, which others wait for
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        elif old.name != LOCK:
            old.unlink()
    create = (sys.executable, "-m", "venv", "--without-pip", str(venv))
    add_pip = (str(venv / "bin" / "python"), "-Im", "ensurepip", "--default-pip")
    for command in (create, add_pip):
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a module of Python itself
        if done.returncode:
            raise NotInstalledError(_with_remedy(done.stdout + done.stderr))


def _install(lock: Path, venv: Path, report: Report) -> None:
    start, python = time.monotonic(), str(venv / "bin" / "python")
    (site,) = venv.glob("lib/python*/site-packages")
    _remove_incomplete(site)
    count = len(re.findall(r"^\S+==", lock.read_text(), re.MULTILINE))
    report(f"Installing the {count} packages of {lock.name}, now and whenever that file changes.")
    log = venv / "pip.log"
    if _run([python, "-m", *PIP, "-r", str(lock)], log, report, step=lambda: _step(log.read_text(), site)):
        raise NotInstalledError(f"{_with_remedy(log.read_text())}\nThe output of pip is in {log}.")
    compiling = [
        python,
        "-m",
        "compileall",
        "-qq",
        "-j",
        "0",
        str(site),
    ]  # fails on the templates of some packages
    _run(compiling, Path(os.devnull), report, step=lambda: "compiling the packages")
    report(f"Installed after {time.monotonic() - start:.0f} s.")


def _remove_incomplete(site: Path) -> None:
    """Remove the metadata of packages whose installation was interrupted; pip would count them as complete."""
    incomplete = (info for info in site.glob("*.dist-info") if not (info / "RECORD").exists())
    for path in (*incomplete, *site.glob("~*")):
        shutil.rmtree(path, ignore_errors=True)


def _run(command: list[str], log: Path, report: Report, *, step: Callable[[], str]) -> int:
    """Run a command, reporting its step every few seconds; return its exit code."""
    start = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - the environment's own Python
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            while True:
                try:
                    return process.wait(PROGRESS_SECONDS)
                except subprocess.TimeoutExpired:
                    report(f"{time.monotonic() - start:5.0f} s  {step()}")
        finally:
            with suppress(ProcessLookupError):  # its group has ended with it
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def _step(log: str, site: Path) -> str:
    if "\nInstalling collected packages" in log:
        return f"{len([*site.glob('*.dist-info/RECORD')])} packages are in place"
    steps = re.findall(rf"^ *((?:{STEPS}) .+?)(?: \(from .*)?$", log, re.MULTILINE)
    return steps[-1] if steps else "pip starts"


def _with_remedy(output: str) -> str:
    """Return the errors in the output of a command, and what to do about them."""
    errors = re.findall(r"^ *ERROR: (.+)", output, re.MULTILINE) or output.strip().splitlines()
    remedies = [remedy for sign, remedy in REMEDIES.items() if sign in output]
    return "\n".join(("The installation failed:", *errors[-3:], *remedies))


@contextmanager
def _locked(venv: Path, report: Report) -> Iterator[None]:
    """Wait for other processes that install into the same environment, such as a second terminal."""
    venv.mkdir(exist_ok=True)
    file = os.open(venv / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(file, 20, 0).decode() or "another one"
            report(f"Waiting for process {holder}, which is installing and holds {venv / LOCK} ...")
            fcntl.flock(file, fcntl.LOCK_EX)
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(file)


def main() -> None:
    """Install what the integration needs to run on this machine, or also what its developers need."""
    parser = argparse.ArgumentParser(prog="python -m local.install", description=main.__doc__)
    parser.add_argument("what", nargs="?", choices=("local", "dev"), default="local")
    lock = ROOT / f"requirements-{parser.parse_args().what}.lock"
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        install(lock, ROOT / ".venv", report=partial(print, flush=True))
    except KeyboardInterrupt:
        sys.exit("Stopped. The next start continues from here.")
    except (NotInstalledError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - this is where an older Python is noticed
        sys.exit(f"Python 3.11 or newer is needed; this is {platform.python_version()}.")
    main()
