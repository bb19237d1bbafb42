"""``make try-install``: whether the contents of the images are enough for what they run.

Each lock file is installed alone into an empty environment. With that and a copy of the image's folders, the
commands of docker-compose.yml are started with compose's environment, against embedded servers. Their health
checks must pass, and customers of the sandbox get their numbers. Everything listens on 127.0.0.1.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from click import echo

from local import demo_company, servers
from local.demo import Step, StepFailedError, three_customers_get_their_numbers, timed
from local.demo_user import DemoUser
from local.processes import ROOT, end, end_on_signals, spawn
from local.servers import Server, free_ports
from local.stack import DEFAULT_PORTS, NotRunningError, output
from tests.deploy.recipe import OURS, Image, environment, example_filled_in, images

START_SECONDS = 90
STOP_SECONDS = 60
OF_PYTHON = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}


class Bare:
    """The services of docker-compose.yml without containers; each image is a folder with ``venv`` and ``moment24``."""

    def __init__(self, folder: Path, *, postgres: Server, redis: Server) -> None:
        self._folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        ports = dict(zip(DEFAULT_PORTS, free_ports(*[0] * len(DEFAULT_PORTS)), strict=True))
        self.addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        self._sandbox_ports = [f"--{name}-port={ports[name]}" for name in ("moment", "twentyfour", "mail", "smtp")]
        self._places = {
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - it is replaced
            "postgres:5432/moment24": f"127.0.0.1:{postgres.port}/postgres",
            "redis:6379": f"127.0.0.1:{redis.port}",
            "/tmp/": f"{folder}/",  # noqa: S108 - the same
            "/var/lib/sandbox/": f"{folder}/",
            **{str(DEFAULT_PORTS[name]): str(port) for name, port in ports.items()},
            **{
                f"{host}:{DEFAULT_PORTS[name]}": f"127.0.0.1:{port}"
                for name, port in ports.items()
                for host in OURS
            },
        }
        passwords = {"POSTGRES_PASSWORD": postgres.url, "REDIS_PASSWORD": redis.url}
        self._values = example_filled_in() | {name: str(urlsplit(url).password) for name, url in passwords.items()}

    def run(self, service: str) -> None:
        """Run a service to its end. Raises NotRunningError if it fails."""
        self._output(service, self._here(OURS[service]["command"]))

    def start(self, service: str) -> None:
        """Start a service; its output goes to its log."""
        command = self._here(OURS[service]["command"]) + (self._sandbox_ports if service == "sandbox" else [])
        with self._log(service).open("wb") as log:
            self._processes[service] = spawn(
                command, cwd=self._work(service), env=self._environment(service), output=log
            )

    def wait(self) -> None:
        """Wait until every health check passes. Raises NotRunningError if a process ends, or it takes too long."""
        deadline = time.monotonic() + START_SECONDS
        for service in self._processes:
            while not self._is_healthy(service):
                ended = [name for name, process in self._processes.items() if process.poll() is not None]
                if ended or time.monotonic() > deadline:
                    guilty = ended[0] if ended else service
                    raise NotRunningError(
                        f"{guilty} did not come up:\n{self._log(guilty).read_text(errors='replace')}"
                    )
                time.sleep(0.2)

    def stop(self) -> None:
        """Stop every process, the last one started first."""
        for process in reversed(self._processes.values()):
            end(process, signal.SIGTERM, seconds=STOP_SECONDS)

    def command(self, *arguments: str, more: Mapping[str, str] | None = None) -> str:
        """Run a command of the integration."""
        return self._output("worker", ["python", "-m", "worker", *arguments], more or {})

    def _is_healthy(self, service: str) -> bool:
        _, *check = self._here(OURS[service]["healthcheck"]["test"])
        try:
            self._output(service, check)
        except NotRunningError:
            return False
        return True

    def _output(self, service: str, command: list[str], more: Mapping[str, str] | None = None) -> str:
        env = self._environment(service) | dict(more or {})
        return output(command, cwd=self._work(service), env=env, seconds=START_SECONDS)

    def _environment(self, service: str) -> dict[str, str]:
        """Return the whole environment of a service's process, with nothing of ours."""
        variables = environment(service, self._values)
        programs = self._folder / _target(service) / "venv" / "bin"
        return {"PATH": f"{programs}:{os.defpath}"} | dict(
            zip(variables, self._here(variables.values()), strict=True)
        )

    def _here(self, texts: Iterable[str]) -> list[str]:
        """Replace ports, folders and hosts of containers by those of this machine."""
        longest_first = sorted(self._places, key=len, reverse=True)
        whole = (rf"(?<!\w){re.escape(each)}" + r"\b" * each[-1].isalnum() for each in longest_first)
        there = re.compile("|".join(whole))
        return [there.sub(lambda found: self._places[found[0]], text) for text in texts]

    def _work(self, service: str) -> Path:
        return self._folder / _target(service) / "moment24"

    def _log(self, service: str) -> Path:
        return self._folder / f"{service}.log"


def install(folder: Path, image: Image) -> None:
    """Make the environment of an image from its lock file alone, without even pip, and copy the image's folders."""
    env = {name: value for name, value in os.environ.items() if name not in OF_PYTHON}
    output([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], cwd=ROOT, env=env)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "venv"), "--disable-pip-version-check"]
    output([*pip, "install", "-q", "--require-hashes", "-r", image.lock], cwd=ROOT, env=env)
    for path in image.folders:
        shutil.copytree(ROOT / path, folder / "moment24" / path, ignore=shutil.ignore_patterns("__pycache__"))


def check(folder: Path) -> None:
    """Install, start and try everything in a folder. Raises StepFailedError."""
    for target, image in images().items():
        with timed(Step(f"{image.lock} is all that the image {target} installs"), echo):
            install(folder / target, image)
    with ExitStack() as cleanup:
        with timed(Step("every command of docker-compose.yml comes up from it"), echo):
            postgres = cleanup.enter_context(servers.postgres(folder / "postgres", port=0, durable=False))
            redis = cleanup.enter_context(servers.redis(folder / "redis", port=0))
            bare = Bare(folder, postgres=postgres, redis=redis)
            cleanup.callback(bare.stop)
            bare.run("migrate")
            for service in OURS:
                if service != "migrate":
                    bare.start(service)
            bare.wait()
        with timed(Step("three customers get their numbers"), echo):
            three_customers_get_their_numbers(DemoUser(bare, webhook_url=demo_company.connect(bare)))


def _target(service: str) -> str:
    target: str = OURS[service]["build"]["target"]
    return target


if __name__ == "__main__":
    end_on_signals()
    with TemporaryDirectory() as temporary:
        try:
            check(Path(temporary))
        except StepFailedError as failure:
            sys.exit(str(failure))
