"""``make try-images``: both images, built, started and tried as an operator would, and removed again.

It runs beside an installation's own containers: from a copy of this folder with its own .env, project name and, if
those of docker-compose.yml are taken, ports.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from click import echo

from local import demo, demo_company
from local.demo import Step, StepFailedError, timed
from local.demo_user import DemoUser, eventually, expect
from local.processes import ROOT, end_on_signals
from local.servers import free_ports
from local.stack import DEFAULT_PORTS, output
from tests.deploy.recipe import OURS, SERVICES, example_filled_in

PROJECT = "moment-24sevenoffice-try"
IMAGE = OURS["web"]["image"]
FIRST, NEXT = f"{PROJECT}:first", f"{PROJECT}:next"
NOT_COPIED = (".git", ".env", ".venv", ".*_cache", ".hypothesis", "__pycache__", "var", "tests", "docs")
PUBLISHED = re.compile(r"(127\.0\.0\.1:)(\d+):(?=\d)")
PORTS = [int(found[2]) for found in PUBLISHED.finditer((ROOT / "docker-compose.yml").read_text())]
PAGES = ("web", "moment", "twentyfour", "mail")
UP, UP_OF = {"running 0", "running 0 healthy"}, {"migrate": {"exited 0"}}
BUILD_SECONDS, USUAL_SECONDS = 1200, 300
GRACE_SECONDS = int(SERVICES["worker"]["stop_grace_period"].removesuffix("s"))
INVOICE_COUNT = 100
SLOW_SECONDS = 5
POLL_SECONDS = 20
"""How soon a poll finds changes whose webhooks failed while web was replaced."""

INSPECTED = """
{{index .Config.Labels "com.docker.compose.service"}}={"read_only": {{.HostConfig.ReadonlyRootfs}},
"cap_drop": {{json .HostConfig.CapDrop}}, "security_opt": {{json .HostConfig.SecurityOpt}},
"cpus": {{.HostConfig.NanoCpus}}, "mem_limit": {{.HostConfig.Memory}}, "pids_limit": {{json .HostConfig.PidsLimit}},
"logging": {{json .HostConfig.LogConfig.Config}}, "stop": {{json .Config.StopTimeout}}}
""".replace("\n", "")
FREEZE = (
    "import os, signal; from worker.watchdog import children_of; "
    "[os.kill(each, signal.SIGSTOP) for each in children_of(1)]"
)
IS_CONFINED = (
    "import os, sys; sys.exit(os.geteuid() == 0 or any(os.access(each, os.W_OK) for each in sys.argv[1:])"
    " or 'CapEff:\\t0000000000000000' not in open('/proc/self/status').read())"
)


class Containers:
    """The services of docker-compose.yml, with the sandbox, from a copy of this folder."""

    def __init__(self, folder: Path, *, program: tuple[str, ...]) -> None:
        ports = dict(zip(PORTS, free_ports(*PORTS), strict=True))
        self.addresses = {name: f"http://127.0.0.1:{ports[DEFAULT_PORTS[name]]}" for name in PAGES}
        self._program = program
        self._folder = folder / "moment24"
        shutil.copytree(ROOT, self._folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
        values = example_filled_in()
        values["POLL_SECONDS"] = str(POLL_SECONDS)
        (self._folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        self._described = self._folder / "docker-compose.yml"
        text = self._described.read_text().replace(IMAGE, FIRST)
        self._described.write_text(PUBLISHED.sub(lambda found: f"{found[1]}{ports[int(found[2])]}:", text))
        self.secrets = [values[name] for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "SECRET_KEYS")]
        kept = (name for name in os.environ if name not in values and not name.startswith("COMPOSE_"))
        self._environ = {name: os.environ[name] for name in kept}

    def compose(self, *arguments: str, seconds: float = USUAL_SECONDS) -> str:
        """Run a command of Compose. Raises NotRunningError if it fails."""
        options = ("--project-name", PROJECT, "--profile", "sandbox")
        return self._output(*self._program, *options, *arguments, seconds=seconds)

    def command(self, *arguments: str, more: Mapping[str, str] | None = None) -> str:
        """Run a command of the integration, in the web's container since the worker's is sometimes stopped."""
        variables = [part for name, value in (more or {}).items() for part in ("-e", f"{name}={value}")]
        return self.compose("exec", "-T", *variables, "web", "python", "-m", "worker", *arguments)

    def states(self) -> dict[str, str]:
        """Return the state of each service's container, its exit code, and its health if it is checked."""
        shape = (
            '{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{.State.ExitCode}}'
            "{{if .State.Health}} {{.State.Health.Status}}{{end}}"
        )
        containers = self.compose("ps", "--all", "--quiet").split()
        lines = self._output("docker", "inspect", "--format", shape, *containers).splitlines()
        return {name: state for name, _, state in (line.partition(" ") for line in lines)}

    def give_valkey_its_folder(self) -> None:
        """Give Valkey's folder to its user, as in its own image; a replacement image may not."""
        self.compose("up", "--no-start", "redis")
        service = SERVICES["redis"]
        owner, folder = service["user"], service["volumes"][0].replace("redis:", f"{PROJECT}_redis:")
        chown = ("--user=0", f"--volume={folder}", "--entrypoint=chown", service["image"], owner, "/data")
        self._output("docker", "run", "--rm", *chown)

    def inspected(self) -> dict[str, dict[str, Any]]:
        """Return Docker's configuration of a service's container."""
        containers = self.compose("ps", "--all", "--quiet").split()
        lines = self._output("docker", "inspect", "--format", INSPECTED, *containers).splitlines()
        return {name: json.loads(limits) for name, _, limits in (line.partition("=") for line in lines)}

    def restarts(self, service: str) -> int:
        """Return how often Docker has restarted the container of a service."""
        container = self.compose("ps", "--quiet", service).strip()
        return int(self._output("docker", "inspect", "--format", "{{.RestartCount}}", container))

    def images(self) -> dict[str, str]:
        """Return the image that the container of each service was made from."""
        shape = '{{index .Config.Labels "com.docker.compose.service"}} {{.Config.Image}}'
        containers = self.compose("ps", "--all", "--quiet").split()
        lines = self._output("docker", "inspect", "--format", shape, *containers).splitlines()
        return dict(line.split() for line in lines)

    def command_lines(self, service: str) -> str:
        """Return the command lines of a container's processes, as every user of this machine sees them."""
        return self._output("docker", "top", self.compose("ps", "--quiet", service).strip(), "-eo", "pid,args")

    def upgrade(self) -> None:
        """Install an image with another name, as for a new version, and let Compose replace the containers."""
        self._output("docker", "tag", FIRST, NEXT)
        self._described.write_text(self._described.read_text().replace(FIRST, NEXT))
        self.compose("up", "--detach", "--no-build")

    def take_down(self) -> None:
        """Stop and remove every container, with its network, its data and its image."""
        self.compose("down", "--volumes", "--remove-orphans", "--rmi=local")
        self._output("docker", "image", "rm", "--force", FIRST, NEXT)
        label = ("--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}")
        kinds = (("container", "ls", "--all"), ("volume", "ls"), ("network", "ls"))
        expect("what is left", "".join(self._output("docker", *kind, *label) for kind in kinds), "")

    def _output(self, *command: str, seconds: float = USUAL_SECONDS) -> str:
        return output(command, cwd=self._folder, env=self._environ, seconds=seconds)


def play(containers: Containers) -> None:
    """Build, start and try everything in reported steps. Raises StepFailedError if one fails."""
    with timed(Step("nothing is left of an earlier try"), echo):
        containers.take_down()
    try:
        start(containers)
        with timed(Step("the company is connected"), echo):
            webhook_url = demo_company.connect(containers)
            demo_user = DemoUser(
                containers, webhook_url=webhook_url.replace("http://web:8000", containers.addresses["web"])
            )
        for act in demo.STEPS:
            with timed(Step(act.__name__.replace("_", " ")), echo):
                act(demo_user)
        with timed(
            Step(f"a worker is stopped amid {INVOICE_COUNT} invoices, and none is lost or posted twice"), echo
        ):
            stop_amid_invoices(containers, demo_user)
        with timed(Step("web and worker are frozen, and Docker starts them again"), echo):
            freeze(containers, "web", "worker")
        with timed(Step("a backup replaces the database"), echo):
            restore_a_backup(containers)
        with timed(Step(f"an upgrade amid {INVOICE_COUNT} invoices loses and doubles none"), echo):
            upgrade_amid_invoices(containers, demo_user)
    except StepFailedError:
        echo(containers.compose("logs", "--no-color", "--tail=100"))
        raise
    finally:
        with timed(Step("everything is taken down"), echo):
            containers.take_down()


def start(containers: Containers) -> None:
    """Build the images and start everything. Raises StepFailedError."""
    with timed(Step("what docker-compose.yml describes is complete, and both images are built"), echo):
        containers.compose("config", "--quiet")
        containers.compose("build", seconds=BUILD_SECONDS)
    with timed(Step("every container comes up and is healthy"), echo):
        containers.give_valkey_its_folder()
        containers.compose("up", "--detach")
        eventually(lambda: expect("what is not up", _not_up(containers), {}), seconds=USUAL_SECONDS)
    with timed(Step("no process is root, none has a capability, and none can write what it runs"), echo):
        for service in OURS.keys() - {"migrate"}:
            containers.compose("exec", "-T", service, "python", "-S", "-c", IS_CONFINED, ".", "/venv")
    with timed(Step("Docker has set the limits that docker-compose.yml names"), echo):
        for service, limits in containers.inspected().items():
            expect(f"limits of {service}", limits, _limits(service))
    with timed(Step("no password is seen in the list of processes"), echo):
        for service in SERVICES.keys() - {"migrate"}:
            lines = containers.command_lines(service)
            expect(
                f"secrets in the command lines of {service}",
                [each for each in containers.secrets if each in lines],
                [],
            )


def stop_amid_invoices(containers: Containers, demo_user: DemoUser) -> None:
    """Stop the worker while it posts, check what it leaves, and start it again."""
    before = _posted(demo_user)
    called = _posting_calls(containers)
    demo_user.command("connections", "pause", demo_company.NAME)  # so that they are there all at once
    for each in range(INVOICE_COUNT):
        sale = demo.SALES[each % len(demo.SALES)]
        demo_user.press("finalize", demo.write_invoice(demo_user, sale, demo_user.moment("projects")[0]))
    _slow_down(containers, SLOW_SECONDS)
    demo_user.command("connections", "resume", demo_company.NAME)
    eventually(
        lambda: expect("a call is under way", _posting_calls(containers) > called, expected=True),
        seconds=USUAL_SECONDS,
    )

    asked = time.monotonic()
    containers.compose("stop", "worker")
    seconds = time.monotonic() - asked
    posted = _posted(demo_user) - before
    echo(f"       {seconds:>6.2f} s  of it to stop the worker, which had posted {posted}")
    expect("stopped within its grace period", seconds < GRACE_SECONDS, expected=True)
    expect("how the worker ended", containers.states()["worker"].split()[:2], ["exited", "0"])
    expect("stopped amid them", 0 < posted < INVOICE_COUNT, expected=True)
    expect("jobs left running", demo_user.jobs("running"), [])

    _slow_down(containers, 0)
    containers.compose("start", "worker")
    eventually(lambda: demo.ledger_agrees(demo_user, invoices=before + INVOICE_COUNT), seconds=USUAL_SECONDS)


def freeze(containers: Containers, *services: str) -> None:
    """Stop processes so that only SIGKILL ends them, and wait until they work again."""
    before = {service: containers.restarts(service) for service in services}
    for service in services:
        containers.compose("exec", "-T", service, "python", "-S", "-c", FREEZE)
    for service, times in before.items():
        asked = time.monotonic()
        eventually(
            lambda: expect("restarts", containers.restarts(service) > times, expected=True),  # noqa: B023 - called at once
            seconds=USUAL_SECONDS,
        )
        echo(f"       {time.monotonic() - asked:>6.2f} s  more until {service} was started again")
    eventually(lambda: expect("what is not up", _not_up(containers), {}), seconds=USUAL_SECONDS)


def restore_a_backup(containers: Containers) -> None:
    """Back up and restore as the runbook says, and start everything again."""
    containers.compose("exec", "-T", "backup", "bash", "/script/backup.sh", "once")
    containers.compose("stop", "web", "worker", "beat")
    newest = 'bash /script/backup.sh restore "$(ls -t "$BACKUP_FOLDER"/*.dump | head -n 1)"'
    containers.compose("run", "--rm", "--no-deps", "-T", "backup", "bash", "-c", newest)
    containers.compose("run", "--rm", "-T", "migrate")
    containers.compose("run", "--rm", "-T", "worker", "moment24", "restore")
    containers.compose("up", "--detach", "--no-build")
    eventually(lambda: expect("what is not up", _not_up(containers), {}), seconds=USUAL_SECONDS)


def upgrade_amid_invoices(containers: Containers, demo_user: DemoUser) -> None:
    """Replace all our processes while Moment keeps sending webhooks."""
    before = _posted(demo_user)
    project = demo_user.moment("projects")[0]

    def finalize() -> None:
        for each in range(INVOICE_COUNT):
            sale = demo.SALES[each % len(demo.SALES)]
            demo_user.press("finalize", demo.write_invoice(demo_user, sale, project))
            time.sleep(0.3)

    with ThreadPoolExecutor(1) as moment:
        finalizing = moment.submit(finalize)
        containers.upgrade()
        finalizing.result()
    images = containers.images()
    expect("what runs", {images[name] for name in OURS if name != "sandbox"}, {NEXT})
    eventually(lambda: demo.ledger_agrees(demo_user, invoices=before + INVOICE_COUNT), seconds=USUAL_SECONDS)
    eventually(lambda: expect("what is not up", _not_up(containers), {}), seconds=USUAL_SECONDS)


def compose_program() -> tuple[str, ...]:
    """Find Compose and an engine; exit with a sentence if there is none."""
    if not _works("docker", "info"):
        sys.exit("This needs a Docker engine, and the right to use it: `docker info` does not work here.")
    for program in (("docker", "compose"), ("docker-compose",)):
        if _works(*program, "version"):
            return program
    sys.exit("This needs Docker Compose: neither `docker compose` nor `docker-compose` works here.")


def main() -> None:
    """Try the images; exit with 0 if every step succeeds."""
    end_on_signals()
    program = compose_program()
    with TemporaryDirectory() as folder:
        try:
            play(Containers(Path(folder), program=program))
        except StepFailedError as failure:
            sys.exit(str(failure))
        except KeyboardInterrupt:
            sys.exit("Interrupted; everything is taken down.")


def _not_up(containers: Containers) -> dict[str, str]:
    states = dict.fromkeys(SERVICES, "missing") | containers.states()
    return {name: state for name, state in states.items() if state not in UP_OF.get(name, UP)}


def _limits(service: str) -> dict[str, Any]:
    """Return the limits of a service in docker-compose.yml, in Docker's own terms."""
    service_settings = SERVICES[service]
    of_unit = {"m": 2**20, "g": 2**30}
    return {
        "read_only": service_settings["read_only"],
        "cap_drop": service_settings["cap_drop"],
        "security_opt": service_settings["security_opt"],
        "cpus": int(service_settings["cpus"] * 1e9),
        "mem_limit": int(service_settings["mem_limit"][:-1]) * of_unit[service_settings["mem_limit"][-1]],
        "pids_limit": service_settings["pids_limit"],
        "logging": service_settings["logging"]["options"],
        "stop": int(service_settings["stop_grace_period"].removesuffix("s")),
    }


def _posted(demo_user: DemoUser) -> int:
    return len(demo_user.synced("vouchers"))


def _slow_down(containers: Containers, seconds: float) -> None:
    """Make 24SevenOffice take this long for each call from now on."""
    latency = {"seconds": seconds}
    requests.put(f"{containers.addresses['twentyfour']}/latency", json=latency, timeout=10).raise_for_status()


def _posting_calls(containers: Containers) -> int:
    answer = requests.get(f"{containers.addresses['twentyfour']}/calls", timeout=10)
    answer.raise_for_status()
    counted: dict[str, int] = answer.json()
    return counted.get("SaveBundleList", 0)


def _works(*command: str) -> bool:
    return (
        bool(shutil.which(command[0])) and not subprocess.run(command, capture_output=True, check=False).returncode
    )


if __name__ == "__main__":
    main()
