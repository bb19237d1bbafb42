"""``python -m local.install``: make ``.venv``, or bring it up to date with a lock file.

It runs before anything is installed, so the standard library is all that it uses.
"""

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
from pathlib import Path

Tell = Callable[[str], None]

ROOT = Path(__file__).parents[1]
TELL_SECONDS = 2
LOCK = ".installing"
"""The file in the environment that whoever installs holds; no other account may open it."""

PIP = (
    *("pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off", "--require-hashes"),
    "--no-deps",  # a lock names everything, so there is nothing to resolve
    "--no-compile",  # pip would do it on one core
)
STEPS = "Collecting|Downloading|Using cached|Processing|Building|Requirement already satisfied:"
MEGABYTES = {"bytes": 1e-6, "kB": 1e-3, "MB": 1, "GB": 1e3}
CURES = {
    "No space left on device": "The disk is full: make room, then start again.",
    "No module named ensurepip": "Python's venv module is missing (Debian and Ubuntu: apt install python3-venv).",
    "Retrying (": "The package index was not reached. `pip config list` and the environment say which it is, and "
    "what proxy leads there; offline, PIP_FIND_LINKS names a folder of wheels, and PIP_NO_INDEX=1 asks nobody.",
    "DO NOT MATCH THE HASHES": "The index has another file than the lock names: ask whoever looks after it why.",
    "Failed building wheel": "There is no ready-made package for this platform, and it could not be built here.",
}


class NotInstalledError(Exception):
    """Something is missing; the message says what to do about it."""


def install(lock: Path, venv: Path, *, tell: Tell) -> None:
    """Have in ``venv`` all that the lock file names, and a stamp that says so.

    What was broken off is repaired, and an environment whose Python has gone is made anew. Raises
    NotInstalledError.
    """
    stamp = venv / f"installed-{lock.stem.removeprefix('requirements-')}"
    with _alone(venv, tell):
        if not _works(venv):
            _make(venv, tell)
        if not _is_newer(stamp, lock):
            stamp.unlink(missing_ok=True)
            _install(lock, venv, tell)
        stamp.touch()


def _works(venv: Path) -> bool:
    """Tell whether there is a Python with a whole pip: the record is the last that an installation writes."""
    python, record = venv / "bin" / "python", "lib/python*/site-packages/pip-*.dist-info/RECORD"
    if not python.exists() or not any(venv.glob(record)):
        return False
    return subprocess.run([python, "-c", "import pip"], capture_output=True, check=False).returncode == 0  # noqa: S603 - the environment's own Python


def _make(venv: Path, tell: Tell) -> None:
    tell(f"Making {venv.name} with Python {platform.python_version()} ...")
    for old in venv.iterdir():  # as --clear does, but for the lock, which others wait for
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        elif old.name != LOCK:
            old.unlink()
    python = str(venv / "bin" / "python")
    empty = (sys.executable, "-m", "venv", "--without-pip", str(venv))
    for making in (empty, (python, "-Im", "ensurepip", "--default-pip")):
        made = subprocess.run(making, capture_output=True, text=True, check=False)  # noqa: S603 - what Python brings along
        if made.returncode:
            raise NotInstalledError(_with_cure(made.stdout + made.stderr))


def _is_newer(stamp: Path, lock: Path) -> bool:
    return stamp.exists() and stamp.stat().st_mtime >= lock.stat().st_mtime


def _install(lock: Path, venv: Path, tell: Tell) -> None:
    start, python = time.monotonic(), str(venv / "bin" / "python")
    (site,) = venv.glob("lib/python*/site-packages")
    _forget_halves(site)
    count = len(re.findall(r"^\S+==", lock.read_text(), re.MULTILINE))
    tell(f"Installing the {count} packages of {lock.name}; it is done once, and again when that file changes.")
    log = venv / "pip.log"
    if _run([python, "-m", *PIP, "-r", str(lock)], log, tell, doing=lambda: _doing(log.read_text(), site)):
        raise NotInstalledError(f"{_with_cure(log.read_text())}\nAll that pip said is in {log}.")
    fetched = _megabytes(log.read_text())
    compiling = [python, "-m", "compileall", "-qq", "-j", "0", str(site)]  # it fails where a package has templates
    _run(compiling, Path(os.devnull), tell, doing=lambda: "compiling them")
    tell(f"Installed after {time.monotonic() - start:.0f} s; {fetched:.0f} MB were downloaded.")


def _forget_halves(site: Path) -> None:
    """Remove the names of packages whose installation was broken off, or pip would take them for whole."""
    halves = (info for info in site.glob("*.dist-info") if not (info / "RECORD").exists())
    for half in (*halves, *site.glob("~*")):
        shutil.rmtree(half, ignore_errors=True)


def _run(command: list[str], log: Path, tell: Tell, *, doing: Callable[[], str]) -> int:
    """Run a command, telling every few seconds what it is doing; returns its exit code."""
    start = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - the environment's own Python
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            while _goes_on(process):
                tell(f"{time.monotonic() - start:5.0f} s  {doing()}")
        finally:
            with suppress(ProcessLookupError):  # its group has ended with it
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
    return process.returncode


def _goes_on(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(TELL_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def _doing(said: str, site: Path) -> str:
    if "\nInstalling collected packages" in said:
        return f"{len([*site.glob('*.dist-info/RECORD')])} packages are in place"
    steps = re.findall(rf"^ *((?:{STEPS}) .+?)(?: \(from .*)?$", said, re.MULTILINE)
    return steps[-1] if steps else "pip starts"


def _megabytes(said: str) -> float:
    sizes = re.findall(r"^ *Downloading \S+ \((\d[\d.]*) (bytes|[kMG]B)", said, re.MULTILINE)
    return sum(float(size) * MEGABYTES[unit] for size, unit in sizes)


def _with_cure(said: str) -> str:
    """Tell the errors in what was said, and what to do about them."""
    errors = re.findall(r"^ *ERROR: (.+)", said, re.MULTILINE) or said.strip().splitlines()
    cures = [cure for sign, cure in CURES.items() if sign in said]
    return "\n".join(("It could not be installed:", *errors[-3:], *cures))


@contextmanager
def _alone(venv: Path, tell: Tell) -> Iterator[None]:
    """Wait for others who install into the same environment, as two terminals may on the first day."""
    venv.mkdir(exist_ok=True)
    held = os.open(venv / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        tell_at = time.monotonic() + TELL_SECONDS
        while not _is_taken(held):
            if time.monotonic() > tell_at:
                actor = os.pread(held, 20, 0).decode() or "another one"
                tell(f"Waiting until process {actor} has installed; it holds {venv / LOCK} ...")
                tell_at = float("inf")
            time.sleep(0.1)
        os.ftruncate(held, 0)
        os.pwrite(held, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(held)


def _is_taken(held: int) -> bool:
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Install what the bridge needs to run on this machine, or also what its developers need."""
    parser = argparse.ArgumentParser(prog="python -m local.install", description=main.__doc__)
    parser.add_argument("what", nargs="?", choices=("local", "dev"), default="local")
    lock = ROOT / f"requirements-{parser.parse_args().what}.lock"
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    try:
        install(lock, ROOT / ".venv", tell=_tell)
    except KeyboardInterrupt:
        sys.exit("Stopped; the next start goes on from here.")
    except (NotInstalledError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - it is not installed yet, and this is what finds out
        sys.exit(f"Python 3.11 or newer is needed; this is {platform.python_version()}.")
    main()
