import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from local.processes import ROOT, commands
from tests.deploy.recipe import SERVICES, images

HERE = commands(host="0.0.0.0", web_port=8000, flower_port=5555, schedule=Path("/tmp/beat"))  # noqa: S104, S108 - within a container


@pytest.mark.parametrize("name", HERE)
def test_a_container_runs_what_runs_here(name: str) -> None:
    assert SERVICES[name]["command"] == ["python", "-m", *HERE[name]]


@pytest.mark.parametrize("name", HERE)
def test_a_process_waits_for_its_servers_and_tables(name: str) -> None:
    assert SERVICES[name]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }


def test_redis_keeps_what_it_is_given() -> None:
    command = SERVICES["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--appendonly"] == "yes"


def test_the_sandbox_is_there_only_where_it_is_asked_for() -> None:
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"sandbox"}


def test_what_the_containers_need_stands_in_the_example() -> None:
    example = dotenv_values(ROOT / ".env.example")
    wanted = set(re.findall(r"\$\{(\w+):\?", (ROOT / "docker-compose.yml").read_text()))
    assert wanted == example.keys()


def test_what_is_copied_into_an_image_is_compiled_there() -> None:
    """Its processes write nothing there, so whatever is not compiled is compiled anew at each start."""
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
