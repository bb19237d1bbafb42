import re
import shlex
import textwrap
import tomllib
from pathlib import Path

import pytest
import yaml
from dotenv import dotenv_values

from local.processes import ROOT, commands
from tests.deploy.recipe import OURS, SERVICES, images
from worker import watchdog

HERE = commands(host="0.0.0.0", web_port=8000, flower_port=5555, schedule=Path("/tmp/beat"))  # noqa: S104, S108 - within a container


@pytest.mark.parametrize("name", HERE)
def test_a_container_runs_the_command_of_a_local_run(name: str) -> None:
    assert SERVICES[name]["command"] == ["python", "-m", *HERE[name]]


@pytest.mark.parametrize("name", HERE)
def test_a_process_waits_for_its_servers_and_tables(name: str) -> None:
    assert SERVICES[name]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }


def test_redis_logs_its_writes_and_evicts_nothing() -> None:
    _, _, script = SERVICES["redis"]["command"]
    words = shlex.split(script.partition(" - <<END")[0])[2:]
    options = dict(zip(words[::2], words[1::2], strict=True))
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--appendonly"] == "yes"


def test_the_sandbox_runs_only_in_its_profile() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"sandbox"}


def test_the_example_has_all_variables_that_the_containers_need() -> None:
    example = dotenv_values(ROOT / ".env.example")
    required = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    assert required == example.keys()


def test_code_copied_into_an_image_is_compiled_there() -> None:
    """The processes write nothing there, so uncompiled modules would be compiled again at each start."""
    _, *stages = re.split(r"^FROM ", (ROOT / "deploy" / "Dockerfile").read_text(), flags=re.MULTILINE)
    compiling = [stage.rpartition("\nCOPY ")[2].count("compileall") for stage in stages if "\nCOPY " in stage]
    assert compiling == [1] * len(images())


def test_ports_are_open_to_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_every_folder_of_the_image_is_in_the_build() -> None:
    copied = {folder for image in images().values() for folder in image.folders}
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines()}
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert {Path(path).parts[0] for path in copied} <= allowed


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_writes_only_to_its_own_folders_and_has_limits(name: str) -> None:
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "/tmp" in service["tmpfs"]  # noqa: S108 - within a container
    assert {"mem_limit", "pids_limit"} <= service.keys()
    assert service["cpus"] <= 1  # otherwise Docker refuses it on a machine with one
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}


def test_only_postgres_starts_with_capabilities() -> None:
    assert {name for name, service in SERVICES.items() if "cap_add" in service} == {"postgres"}
    assert "SYS_ADMIN" not in SERVICES["postgres"]["cap_add"]


def test_no_password_is_on_a_command_line() -> None:
    """Compose replaces one dollar, and its value is visible in the list of processes; two dollars are left alone."""
    commands_and_checks = {
        name: str([service.get("command"), service.get("healthcheck", {}).get("test")])
        for name, service in SERVICES.items()
    }
    assert {name for name, output in commands_and_checks.items() if re.search(r"(?<!\$)\$\{?\w", output)} == set()
    script = SERVICES["redis"]["command"][-1]
    assert "PASSWORD" not in script.splitlines()[0]


def test_every_image_has_its_full_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    named = {name: service["image"] for name, service in SERVICES.items() if "image" in service}
    assert {image for name, image in named.items() if name in OURS} == {f"moment-24sevenoffice:{version}"}
    named["Dockerfile"] = (ROOT / "deploy" / "Dockerfile").read_text().partition("FROM ")[2].split()[0]
    full = {
        **dict.fromkeys(("postgres", "backup"), r"postgres:\d+\.\d+"),
        "Dockerfile": r"python:\d+\.\d+\.\d+-slim",
    }
    for name, image in named.items():
        assert re.fullmatch(full.get(name, r"[\w/-]+:v?\d+\.\d+\.\d+"), image), image


@pytest.mark.parametrize("name", HERE)
def test_a_process_that_docker_calls_unhealthy_for_its_silence_is_killed(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    process, place, times = watchdog.parse(check["test"][check["test"].index("worker.watchdog") + 1 :])
    assert (process, times) == (name, check.get("retries", 3))
    assert place in "\n".join(HERE[name])  # as documented there
    assert name in watchdog.CHECKS
    assert SERVICES[name]["init"] is True  # process 1 itself cannot be killed from within
    seconds = int(check["timeout"].removesuffix("s"))
    assert seconds > 2 * watchdog.PAGE_SECONDS + 5  # otherwise Docker aborts it before it counts


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_a_server_has_time_to_start_before_the_others_give_up(name: str) -> None:
    """`up -d` fails as soon as a service that others wait for is unhealthy; the first start takes longest."""
    assert int(SERVICES[name]["healthcheck"]["start_period"].removesuffix("s")) >= 60


def test_backups_use_programs_as_new_as_the_server() -> None:
    job = (ROOT / "deploy" / "backup" / "backup.yaml").read_text()
    image = SERVICES["postgres"]["image"]
    assert (SERVICES["backup"]["image"], f"image: {image} " in job) == (image, True)


def test_the_override_for_another_postgresql_reaches_each_process_that_uses_it() -> None:
    page = (ROOT / "docs" / "production.md").read_text()
    (block,) = re.findall(r"\n\n((?: {4}.*\n)+)\n", page[page.index("### PostgreSQL and Redis elsewhere") :])[:1]
    override = yaml.safe_load(textwrap.dedent(block))["services"]
    uses = {name for name, service in SERVICES.items() if "DATABASE_URL" in service.get("environment", {})}
    assert override.keys() == uses | {"backup", "flower"}
