import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import psutil
import pytest

from local.install import LOCK, PROGRESS_SECONDS, NotInstalledError, install
from local.processes import ROOT


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment without packages, for copying, since making one takes seconds."""
    venv = tmp_path_factory.mktemp("empty") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    return venv


@pytest.fixture
def venv(empty: Path, tmp_path: Path) -> Path:
    return shutil.copytree(empty, tmp_path / ".venv", symlinks=True)


@pytest.fixture(autouse=True)
def _folder_of_wheels_for_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))


def test_the_packages_of_a_lock_are_installed_once(tmp_path: Path, venv: Path) -> None:
    lock = locked(tmp_path, wheel(tmp_path, "1.0"))
    output = installed(lock, venv)
    assert output[0].startswith("Installing the 1 packages of requirements-local.lock")
    assert says(venv) == "1.0"
    assert list(venv.glob("lib/python*/site-packages/__pycache__/hello.*.pyc"))
    assert installed(lock, venv) == []


def test_a_changed_lock_is_installed(tmp_path: Path, venv: Path) -> None:
    installed(locked(tmp_path, wheel(tmp_path, "1.0")), venv)
    installed(locked(tmp_path, wheel(tmp_path, "1.1")), venv)
    assert says(venv) == "1.1"


def test_a_package_with_an_interrupted_installation_is_installed_again(tmp_path: Path, venv: Path) -> None:
    lock = locked(tmp_path, wheel(tmp_path, "1.0"))
    installed(lock, venv)
    (record,) = venv.glob("lib/python*/site-packages/hello-*.dist-info/RECORD")
    for missing in (record, venv / "bin" / "hello", venv / "installed-local"):
        missing.unlink()
    installed(lock, venv)
    assert says(venv) == "1.0"


def test_a_lock_that_any_account_can_hold_blocks_no_one(tmp_path: Path, venv: Path) -> None:
    lock = locked(tmp_path, wheel(tmp_path, "1.0"))
    installed(lock, venv)
    for folder in (tmp_path, venv):
        held = os.open(folder, os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = threading.Thread(target=installed, args=(lock, venv), daemon=True)
        waiting.start()
        waiting.join(10)
        os.close(held)
        assert not waiting.is_alive()
    assert (venv / LOCK).stat().st_mode & 0o777 == 0o600


def test_waiting_for_another_installation_names_its_process(tmp_path: Path, venv: Path) -> None:
    lock = locked(tmp_path, wheel(tmp_path, "1.0"))
    installed(lock, venv)
    (venv / "bin" / "python").unlink()  # so that it is made again, with the lock in place
    installed(lock, venv)
    output: list[str] = []
    with (venv / LOCK).open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        waiting = threading.Thread(
            target=install, args=(lock, venv), kwargs={"report": output.append}, daemon=True
        )
        waiting.start()
        waiting.join(PROGRESS_SECONDS + 1)
        assert waiting.is_alive()
    waiting.join(20)
    assert output == [f"Waiting for process {os.getpid()}, which is installing and holds {venv / LOCK} ..."]


def test_an_environment_whose_python_is_gone_is_created_again(tmp_path: Path, venv: Path) -> None:
    lock = locked(tmp_path, wheel(tmp_path, "1.0"))
    installed(lock, venv)
    (venv / "bin" / "python").unlink()
    (venv / "bin" / "python").symlink_to(tmp_path / "away")
    assert installed(lock, venv)[0].startswith("Creating .venv with Python 3.")
    assert says(venv) == "1.0"


def test_a_file_that_is_no_lock_is_refused_in_plain_words(tmp_path: Path, venv: Path) -> None:
    wheel(tmp_path, "1.0")
    lock = locked(tmp_path, f"hello==1.0 --hash=sha256:{'0' * 64}")
    with pytest.raises(NotInstalledError, match="The index has a different file than the lock file names"):
        installed(lock, venv)
    assert not (venv / "installed-local").exists()


def test_ctrl_c_leaves_no_stamp_and_the_next_start_continues(tmp_path: Path, venv: Path, slow_index: str) -> None:
    locked(tmp_path, "hello==1.0 --hash=sha256:" + "0" * 64)
    command = [sys.executable, "-c", MAIN, str(tmp_path)]
    environ = os.environ | {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": slow_index}
    both = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=both, stderr=both, text=True) as installing:
        assert installing.stdout
        while " s  " not in installing.stdout.readline():
            assert installing.poll() is None
        installing.send_signal(signal.SIGINT)
        assert installing.communicate(timeout=60)[1] == "Stopped. The next start continues from here.\n"
    assert installing.returncode == 1
    assert not (venv / "installed-local").exists()
    installed(locked(tmp_path, wheel(tmp_path, "1.0")), venv)
    assert says(venv) == "1.0"


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_no_child_process_outlives_a_stopped_installer(tmp_path: Path, ending: signal.Signals) -> None:
    command = [sys.executable, "-c", FORKING + MAIN, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as installing:
        assert installing.stdout
        output = next(line for line in installing.stdout if line.strip())  # once the log has it
        forked = psutil.Process(int(output))
        installing.send_signal(ending)
        installing.wait(60)
    deadline = time.monotonic() + 5
    while alive := forked.is_running() and forked.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            forked.kill()
            break
        time.sleep(0.05)
    assert not alive


FORKING = """
import sys
from local import install
fork = "import subprocess; forked = subprocess.Popen(['sleep', '600']); print(forked.pid, flush=True); forked.wait()"
def forks(*_, report):
    log = install.ROOT / "log"
    install._run([sys.executable, "-c", fork], log, lambda _: report(log.read_text()), step=str)
install.PROGRESS_SECONDS, install.install = 0.2, forks
"""

MAIN = """
import signal, sys
from pathlib import Path
from local import install
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored if the tests run in the background
install.ROOT = Path(sys.argv.pop())
install.main()
"""


@pytest.fixture
def slow_index() -> Iterator[str]:
    """A package index that accepts every request and answers none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


def installed(lock: Path, venv: Path) -> list[str]:
    output: list[str] = []
    install(lock, venv, report=output.append)
    return output


def says(venv: Path) -> str:
    """Run the command that the package installs."""
    return subprocess.run([venv / "bin" / "hello"], capture_output=True, text=True, check=True).stdout.strip()


def locked(folder: Path, *lines: str) -> Path:
    lock = folder / "requirements-local.lock"
    lock.write_text("\n".join(lines))
    return lock


def wheel(folder: Path, version: str) -> str:
    """Make a package with a command that prints its version; return its line in a lock file."""
    info = f"hello-{version}.dist-info"
    files = {
        "hello.py": f"def main(): print({version!r})\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: hello\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nhello = hello:main\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    path = folder / f"hello-{version}-py3-none-any.whl"
    with ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return f"hello=={version} --hash=sha256:{sha256(path.read_bytes()).hexdigest()}"
