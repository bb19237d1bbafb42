"""Each process gets the secrets that it reads, from Compose and on Kubernetes, and no others."""

import re
from collections.abc import Mapping

import pytest

from config.placeholder import has_placeholder
from config.settings import BeatSettings, MigrationSettings, Settings
from local.processes import ROOT
from tests.deploy.recipe import SERVICES, environment, example_filled_in
from tests.deploy.test_kubernetes import LISTED, container
from worker.container import Container

SECRETS = {name.upper() for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)}
ALONE = {"web": {"OPENID_CLIENT_SECRET"}, "worker": {"SMTP_URL"}}
"""Secrets read by one of the two processes that read all of Settings."""

READ_AS = {"OPENID_CLIENT_SECRET": r"\.openid\b", "SMTP_URL": r"\.mailer\b"}
"""How the other one could read it."""


def of(settings: type) -> set[str]:
    return SECRETS & {name.upper() for name in settings.model_fields}  # type: ignore[attr-defined]  # pydantic's


READ: Mapping[str, set[str]] = {
    "web": SECRETS - ALONE["worker"],
    "worker": SECRETS - ALONE["web"],
    "beat": of(BeatSettings),
    "migrate": of(MigrationSettings),
    "flower": {"REDIS_URL", "FLOWER_BASIC_AUTH"},
}
EVERY_SECRET = SECRETS | READ["flower"]


@pytest.mark.parametrize("name", READ)
def test_compose_gives_a_process_the_secrets_that_it_reads(name: str) -> None:
    assert "env_file" not in SERVICES[name]
    assert SERVICES[name]["environment"].keys() & EVERY_SECRET == READ[name]


@pytest.mark.parametrize("name", READ)
def test_kubernetes_gives_a_process_the_secrets_that_it_reads(name: str) -> None:
    secrets = {each["name"] for each in container(name).get("env", ()) if "valueFrom" in each}
    assert secrets - {"APPLICATION_ID"} == READ[name]


def test_the_production_page_says_which_process_gets_which_secret() -> None:
    page = (ROOT / "docs" / "production.md").read_text()
    heading, *rows = re.findall(
        r"^\| (.*) \|$", page.partition("| secret |")[1] + page.partition("| secret |")[2], re.MULTILINE
    )
    names = [each.strip() for each in heading.split("|")][1:]
    secrets: dict[str, set[str]] = {name: set() for name in names}
    for row in rows:
        secret, *cells = (each.strip() for each in row.split("|"))
        if not re.fullmatch(r"`\w+`", secret):
            break
        for name, cell in zip(names, cells, strict=True):
            if cell:
                secrets[name].add(secret.strip("`"))
    assert secrets == READ


def test_the_examples_name_every_secret_by_its_placeholder() -> None:
    """A process refuses the placeholder at startup, so a secret left unset cannot go unnoticed."""
    page = (ROOT / "docs" / "production.md").read_text()
    (block,) = re.findall(r"\n\n((?: {4}[A-Z_]+=.*\n)+)\n", page)
    of_kubernetes = dict(line.strip().split("=", 1) for line in block.splitlines())
    of_compose = dict(re.findall(r"^([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert of_kubernetes.keys() >= EVERY_SECRET - {"OPENID_CLIENT_SECRET", "METRICS_TOKEN"}
    for example in (of_compose, of_kubernetes):
        assert {name for name, value in example.items() if not has_placeholder(value)} <= {"APPLICATION_ID"}


@pytest.mark.parametrize(("other", "secret"), [("worker", "OPENID_CLIENT_SECRET"), ("web", "SMTP_URL")])
def test_a_secret_of_one_process_is_read_by_no_other(other: str, secret: str) -> None:
    files = [path for path in (ROOT / other).rglob("*.py") if path.name != "container.py"]
    assert files
    assert [path for path in files if re.search(READ_AS[secret], path.read_text())] == []


def test_web_offers_links_by_mail_as_the_worker_sends_them(monkeypatch: pytest.MonkeyPatch) -> None:
    values = example_filled_in()
    offered = {}
    for name in ("web", "worker"):
        with monkeypatch.context() as patched:
            for each in (*Settings.model_fields, "https_proxy", "no_proxy"):
                patched.delenv(each.upper(), raising=False)
            for variable, value in environment(name, values).items():
                patched.setenv(variable, value)
            offered[name] = Container(Settings()).can_mail_links
    assert offered == {"web": True, "worker": True}


def test_web_on_kubernetes_knows_that_the_worker_sends_mail() -> None:
    """The Secret must have SMTP_URL, as the worker does not start without it."""
    (smtp_url,) = (each for each in container("worker")["env"] if each["name"] == "SMTP_URL")
    assert "optional" not in smtp_url["valueFrom"]["secretKeyRef"]
    assert {"name": "SENDS_MAIL", "value": "yes"} in container("web")["env"]


PROXY = {"HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE"}
"""Variables that requests reads itself, as docs/settings.md says."""


def test_every_setting_that_is_not_secret_reaches_the_containers() -> None:
    """Otherwise a value in .env would have no effect; Compose passes only named variables."""
    plain = {name.upper() for name in Settings.model_fields} - SECRETS - {"SENDS_MAIL"}
    for name in ("web", "worker", "beat"):
        variables = SERVICES[name]["environment"]
        assert {each for each in variables if variables[each] is None} == plain | PROXY
    assert {each["configMapRef"]["name"] for each in container("web").get("envFrom", ())} <= {
        LISTED["configMapGenerator"][0]["name"]
    }
