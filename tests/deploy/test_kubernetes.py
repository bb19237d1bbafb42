import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from pydantic_settings import BaseSettings
from sqlalchemy import text

from config.settings import BeatSettings, MigrationSettings, Settings
from local.processes import ROOT, commands
from models.connections.repository import Connections
from models.database import Database
from models.enums import EntityType, JobState, Lane, Record
from models.inbox import due
from models.inbox.enqueue import enqueue
from models.schema.tables import SyncJobRow
from tests.deploy.recipe import SERVICES
from tests.factories import settings
from tests.models import outages
from web import health, metrics
from worker.container import clock

Manifest = dict[str, Any]

BASE = ROOT / "deploy" / "kubernetes" / "base"
EXAMPLE = ROOT / "deploy" / "kubernetes" / "example"
LISTED: Manifest = yaml.safe_load((BASE / "kustomization.yaml").read_text())
MANIFESTS: list[Manifest] = [
    manifest for name in LISTED["resources"] for manifest in yaml.safe_load_all((BASE / name).read_text())
]
KEDA: Manifest = yaml.safe_load((BASE.parent / "keda" / "worker.yaml").read_text())
BY_CPU: Manifest = yaml.safe_load((BASE.parent / "autoscaling" / "worker.yaml").read_text())
INGRESS: Manifest = next(yaml.safe_load_all((EXAMPLE / "ingress.yaml").read_text()))
OTHERS = {"FLOWER_BASIC_AUTH": "flower"}
"""Environment variables of the processes that are no settings of ours, and whose they are."""

HERE = commands(host="0.0.0.0", web_port=8000, flower_port=5555, schedule=Path("/tmp/beat"))  # noqa: S104, S108 - within a container
PROCESSES = {name: ["python", "-m", *arguments] for name, arguments in HERE.items()}
PROCESSES["migrate"] = ["python", "-m", "worker", "migrate"]


PATCH = re.compile(r"target: \{kind: NetworkPolicy, name: (.+)\}\n +patch: \|\n +- (.+)")


def of_kind(kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in MANIFESTS if each["kind"] == kind}


BACKUP: Manifest = next(
    each
    for each in yaml.safe_load_all((ROOT / "deploy" / "backup" / "backup.yaml").read_text())
    if each["kind"] == "CronJob"
)
PODS = {name: each["spec"]["template"] for name, each in (of_kind("Deployment") | of_kind("Job")).items()}
EVERY_POD: Manifest = yaml.safe_load((BASE / "pod.yaml").read_text())["spec"]["template"]["spec"]


def container(name: str) -> Manifest:
    (found,) = PODS[name]["spec"]["containers"]
    return dict(found)


def probes() -> Iterator[tuple[str, Manifest]]:
    for name in PODS:
        for key, probe in container(name).items():
            if key.endswith("Probe"):
                yield name, probe


def environment_names() -> dict[str, set[str]]:
    """Return the environment variables of each pod."""
    (generated,) = LISTED["configMapGenerator"]
    every = {literal.partition("=")[0] for literal in generated["literals"]}
    return {name: every | {each["name"] for each in container(name).get("env", ())} for name in PODS}


def test_a_pod_runs_the_command_of_a_local_run() -> None:
    assert {name: container(name)["command"] for name in PODS} == PROCESSES


def test_the_shared_configuration_reaches_each_pod() -> None:
    assert [patch["target"]["kind"] for patch in LISTED["patches"]] == ["Deployment", "Job"]
    assert {patch["path"] for patch in LISTED["patches"]} == {"pod.yaml"}
    names = {container(name)["name"] for name in PODS}
    assert names == {each["name"] for each in EVERY_POD["containers"]}


def test_the_example_trusts_one_ingress_and_no_pod_network() -> None:
    example: Manifest = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())
    (generated,) = example["configMapGenerator"]
    values = dict(literal.split("=", 1) for literal in generated["literals"])
    assert ip_network(values["FORWARDED_ALLOW_IPS"]).num_addresses == 1


def test_a_pod_is_not_root_and_writes_only_to_its_own_folder() -> None:
    (shared,) = EVERY_POD["containers"]
    assert EVERY_POD["securityContext"]["runAsNonRoot"] is True
    assert EVERY_POD["securityContext"]["runAsUser"] > 0
    assert shared["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    written = [each["mountPath"] for each in shared["volumeMounts"] if not each.get("readOnly")]
    assert written == ["/tmp"]  # noqa: S108 - within a container
    assert [volume["name"] for volume in EVERY_POD["volumes"] if "emptyDir" in volume] == ["tmp"]
    assert not any({"securityContext", "volumeMounts"} & container(name).keys() for name in PODS)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_gets_only_existing_settings_and_all_required_ones(name: str) -> None:
    known = {each.upper() for each in Settings.model_fields} | OTHERS.keys()
    kinds: dict[str, type[BaseSettings]] = {"beat": BeatSettings, "migrate": MigrationSettings}
    fields = kinds.get(name, Settings).model_fields
    required = {each.upper() for each, field in fields.items() if field.is_required()}
    assert environment_names()[name] - known == set()
    assert name == "flower" or required - environment_names()[name] == set()


def test_passwords_are_only_in_the_secret() -> None:
    variables = [each for name in PODS for each in container(name).get("env", ())]
    assert "env" not in EVERY_POD["containers"][0]
    assert {each["name"] for each in variables if "value" in each} == {"SENDS_MAIL"}
    for each in (each for each in variables if "value" not in each):
        reference = each["valueFrom"]["secretKeyRef"]
        assert (reference["name"], reference["key"]) == ("moment24", each["name"])
    secret = {name.upper() for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)}
    for folder in (BASE, EXAMPLE):
        (generated,) = yaml.safe_load((folder / "kustomization.yaml").read_text())["configMapGenerator"]
        literals = {literal.partition("=")[0] for literal in generated["literals"]}
        assert literals & {*secret, "FLOWER_BASIC_AUTH"} == set()
        assert literals <= {each.upper() for each in Settings.model_fields} | OTHERS.keys()


def test_flower_asks_for_a_password() -> None:
    assert "FLOWER_BASIC_AUTH" in environment_names()["flower"]


def test_the_image_is_that_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for folder in (BASE, EXAMPLE, BASE.parent / "console"):
        (image,) = yaml.safe_load((folder / "kustomization.yaml").read_text())["images"]
        assert (image["name"], image["newTag"]) == (EVERY_POD["containers"][0]["image"], version)


def test_a_probe_requests_an_existing_page() -> None:
    ours = {route.path for route in health.router.routes if hasattr(route, "path")}
    asked = {(name, probe["httpGet"]["path"]) for name, probe in probes() if "httpGet" in probe}
    assert asked == {("web", "/health/live"), ("web", "/health/ready"), ("flower", "/healthcheck")}
    assert {path for name, path in asked if name == "web"} <= ours


def test_a_probe_runs_an_existing_command() -> None:
    ran = {tuple(probe["exec"]["command"]) for name, probe in probes() if "exec" in probe and name == "worker"}
    assert ran == {("python", "-S", "-m", "worker.alive", "--here")}
    (beats,) = [probe["exec"]["command"][-1] for name, probe in probes() if name == "beat"]
    assert 'find /tmp -name "beat*"' in beats
    assert "/tmp/beat" in PROCESSES["beat"]  # noqa: S108 - within a container


@pytest.mark.parametrize("name", ["web", "worker", "beat", "flower"])
def test_a_long_running_pod_has_probes_and_resources(name: str) -> None:
    assert "livenessProbe" in container(name)
    assert {"cpu", "memory"} <= container(name)["resources"]["requests"].keys()


def test_a_worker_may_finish_its_batch_until_its_lease_expires() -> None:
    assert (
        PODS["worker"]["spec"]["terminationGracePeriodSeconds"] == Settings.model_fields["lease_seconds"].default
    )


def test_there_is_one_beat_and_always_a_web() -> None:
    assert of_kind("Deployment")["beat"]["spec"]["replicas"] == 1
    assert of_kind("PodDisruptionBudget")["web"]["spec"]["minAvailable"] == 1
    assert of_kind("Deployment")["web"]["spec"]["replicas"] > 1


def test_pod_selectors_match_pods() -> None:
    labels = {name: template["metadata"]["labels"] for name, template in PODS.items()}
    for name, deployment in of_kind("Deployment").items():
        assert deployment["spec"]["selector"]["matchLabels"] == labels[name]
    for name, service in of_kind("Service").items():
        assert service["spec"]["selector"] == labels[name]
    for name, budget in of_kind("PodDisruptionBudget").items():
        assert budget["spec"]["selector"]["matchLabels"] == labels[name]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_prometheus_is_directed_to_a_pods_metrics_port(name: str) -> None:
    literals = dict(literal.split("=", 1) for literal in LISTED["configMapGenerator"][0]["literals"])
    (port,) = container(name)["ports"]
    assert port["containerPort"] == {"web": 8000, "worker": int(literals["WORKER_METRICS_PORT"])}[name]
    assert PODS[name]["metadata"]["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/path": {route.path for route in metrics.router.routes if hasattr(route, "path")}.pop(),
        "prometheus.io/port": str(port["containerPort"]),
    }
    assert "METRICS_TOKEN" in environment_names()[name]
    (let_in,) = of_kind("NetworkPolicy")[name]["spec"]["ingress"]
    assert let_in["ports"] == [{"port": port["name"]}]
    assert "monitoring" in name_spaces(let_in["from"])


def name_spaces(peers: list[Manifest]) -> set[str]:
    return {each["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for each in peers}


def test_only_the_ingress_controller_and_prometheus_reach_web() -> None:
    (let_in,) = of_kind("NetworkPolicy")["web"]["spec"]["ingress"]
    assert name_spaces(let_in["from"]) == {"ingress-nginx", "monitoring"}
    every = of_kind("NetworkPolicy")["moment24"]["spec"]
    assert every["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in every
    labels = {pair for each in LISTED["labels"] for pair in each["pairs"].items()}
    assert set(every["podSelector"]["matchLabels"].items()) <= labels


def reached() -> dict[str, set[int]]:
    """Return the ports that each pod may connect to."""
    ports: dict[str, set[int]] = {name: set() for name in PODS}
    for policy in of_kind("NetworkPolicy").values():
        selector = policy["spec"]["podSelector"]
        chosen = {
            name
            for name, template in PODS.items()
            if "app.kubernetes.io/name" in selector.get("matchLabels", {})
            or selector.get("matchLabels") == template["metadata"]["labels"]
            or any(
                template["metadata"]["labels"][each["key"]] in each["values"]
                for each in selector.get("matchExpressions", ())
            )
        }
        for rule in policy["spec"].get("egress", ()):
            for name in chosen:
                ports[name] |= {port["port"] for port in rule["ports"]}
    return ports


def test_a_pod_reaches_only_the_servers_it_is_configured_with() -> None:
    ports_of = {
        "DATABASE_URL": {5432},
        "REDIS_URL": {6379},
        "SMTP_URL": {25, 465, 587},
        "APPLICATION_ID": {443},
    }
    given = {name: {each["name"] for each in container(name).get("env", ())} for name in PODS}
    expected = {
        name: {53}.union(*(ports for secret, ports in ports_of.items() if secret in given[name])) for name in PODS
    }
    assert reached() == expected


def test_the_backup_reaches_only_postgresql() -> None:
    labels = BACKUP["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    every = of_kind("NetworkPolicy")["moment24"]["spec"]["podSelector"]["matchLabels"]
    assert every.items() <= labels.items()
    chosen = {
        name
        for name, policy in of_kind("NetworkPolicy").items()
        for each in policy["spec"]["podSelector"].get("matchExpressions", ())
        if labels[each["key"]] in each["values"]
    }
    assert chosen == {"to-postgresql"}


CONSOLES: dict[str, Manifest] = {
    name: yaml.safe_load((ROOT / "deploy" / name / "console.yaml").read_text())
    for name in ("kubernetes/console", "backup")
}


@pytest.mark.parametrize("name", CONSOLES)
def test_a_console_has_the_rights_of_the_pod_that_it_stands_in_for(name: str) -> None:
    pod = CONSOLES[name]["spec"]
    (ran,) = pod["containers"]
    if name == "backup":
        stands_for = BACKUP["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        (there,) = stands_for["containers"]
        assert (ran["image"], ran["volumeMounts"]) == (there["image"], there["volumeMounts"])
        assert pod["volumes"] == stands_for["volumes"]
    else:
        stands_for = EVERY_POD
        (there,) = EVERY_POD["containers"]
        assert (ran["image"], ran["volumeMounts"]) == (there["image"], there["volumeMounts"])
        needed = {each.upper() for each, field in Settings.model_fields.items() if field.is_required()}
        assert needed <= {each["name"] for each in ran["env"]}
    assert pod["securityContext"] == stands_for["securityContext"]
    assert ran["securityContext"] == there["securityContext"]
    assert pod["automountServiceAccountToken"] is False


AUTHORITIES = {"name": "authorities", "configMap": {"name": "authorities", "optional": True}}


@pytest.mark.parametrize(
    "pod",
    [
        EVERY_POD,
        BACKUP["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        *(console["spec"] for console in CONSOLES.values()),
    ],
    ids=["every", "backup", *CONSOLES],
)
def test_every_pod_has_the_certificates_of_the_companys_authorities(pod: Manifest) -> None:
    """Without the ConfigMap that the guide creates, the folder is empty."""
    (ran,) = pod["containers"]
    (mount,) = (each for each in ran["volumeMounts"] if each["name"] == "authorities")
    assert AUTHORITIES in pod["volumes"]
    assert mount["readOnly"] is True
    page = (ROOT / "docs" / "production.md").read_text()
    assert "create configmap authorities" in page
    named = re.findall(r"(?:sslrootcert|ssl_ca_certs|REQUESTS_CA_BUNDLE)=(\S+)/\w+\.pem", page)
    assert len(named) >= 4
    assert set(named) == {mount["mountPath"]}


def test_a_console_reaches_the_servers_and_not_the_internet() -> None:
    label = CONSOLES["kubernetes/console"]["metadata"]["labels"]["app.kubernetes.io/component"]
    chosen = {
        name
        for name, policy in of_kind("NetworkPolicy").items()
        for each in policy["spec"]["podSelector"].get("matchExpressions", ())
        if label in each["values"]
    }
    assert chosen == {"to-postgresql", "to-redis"}


def test_a_refused_migration_is_not_repeated() -> None:
    (rule,) = of_kind("Job")["migrate"]["spec"]["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onExitCodes"]["values"]) == ("FailJob", [click.UsageError.exit_code])
    assert SERVICES["migrate"]["restart"].startswith("on-failure:")


def test_pods_reach_the_internet_but_no_private_network() -> None:
    (rule,) = of_kind("NetworkPolicy")["to-internet"]["spec"]["egress"]
    blocks = [each["ipBlock"] for each in rule["to"]]
    closed = [ip_network(each) for block in blocks for each in block["except"]]
    for address in ("169.254.169.254", "10.0.0.1", "172.31.0.1", "192.168.1.1", "fd00:ec2::254"):
        assert any(ip_address(address) in network for network in closed), address


def test_the_ingress_has_tls_for_the_installations_public_url() -> None:
    example: Manifest = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())
    literals = dict(each.split("=", 1) for each in example["configMapGenerator"][0]["literals"])
    host = literals["PUBLIC_URL"].removeprefix("https://")
    assert [each["hosts"] for each in INGRESS["spec"]["tls"]] == [[host]]
    (rule,) = INGRESS["spec"]["rules"]
    assert rule["host"] == host
    backend = rule["http"]["paths"][0]["backend"]["service"]
    assert backend["port"]["name"] in {
        each["name"] for each in of_kind("Service")[backend["name"]]["spec"]["ports"]
    }
    assert "ingress.yaml" in example["resources"]


def test_the_cpu_autoscaler_measures_against_a_workers_request() -> None:
    (metric,) = BY_CPU["spec"]["metrics"]
    assert metric["resource"]["name"] == "cpu"
    assert "cpu" in container("worker")["resources"]["requests"]
    bounds = (BY_CPU["spec"]["minReplicas"], BY_CPU["spec"]["maxReplicas"])
    assert bounds == (KEDA["spec"]["minReplicaCount"], KEDA["spec"]["maxReplicaCount"])


@pytest.mark.parametrize("name", PODS)
def test_a_process_has_as_long_to_stop_in_compose_as_on_kubernetes(name: str) -> None:
    seconds = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
    assert PODS[name]["spec"]["terminationGracePeriodSeconds"] == seconds


def scaler() -> Manifest:
    (trigger,) = KEDA["spec"]["triggers"]
    return dict(trigger["metadata"])


def test_only_the_autoscaler_sets_the_number_of_workers() -> None:
    assert "replicas" not in of_kind("Deployment")["worker"]["spec"]
    assert {each["spec"]["scaleTargetRef"]["name"] for each in (KEDA, BY_CPU)} == {"worker"}
    example: Manifest = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())
    assert example["components"] == ["../autoscaling"]
    assert scaler()["connectionFromEnv"] in environment_names()["worker"]
    literals = dict(literal.split("=", 1) for literal in LISTED["configMapGenerator"][0]["literals"])
    assert scaler()["targetQueryValue"] == literals["WORKER_THREADS"]


def test_the_autoscaler_counts_the_lanes_that_a_worker_would_lease(
    database: Database, connections: Connections
) -> None:
    now = clock()
    ids = [
        connections.add(name, settings(moment_company=name), actor="test", now=now)[0].id
        for name in ("busy", "idle", "paused", "resting", "rested")
    ]
    assert count(database) == 0
    busy, _, paused, resting, rested = ids
    for each in (busy, paused, resting, rested):
        enqueue(database, each, [Record(EntityType.INVOICE, str(n)) for n in range(5)], now=now)
    enqueue(database, busy, [Record(EntityType.CUSTOMER, "1")], now=now)
    enqueue(database, busy, [Record(EntityType.PROJECT, "1")], now=now + timedelta(hours=1))
    connections.pause(paused, "Year end.", actor="test", now=now)
    outages.fail(database, resting, now=now, retry_after=timedelta(hours=1))
    outages.fail(database, rested, now=now - timedelta(hours=1), retry_after=timedelta(minutes=59))
    lanes = due.lanes(database, now=clock())
    assert set(lanes) == {
        Lane(busy, EntityType.INVOICE),
        Lane(busy, EntityType.CUSTOMER),
        Lane(rested, EntityType.INVOICE),
    }
    assert count(database) == len(lanes)


def test_the_autoscaler_reads_only_due_jobs(database: Database, connections: Connections) -> None:
    connection, _ = connections.add("large", settings(moment_company="large"), actor="test", now=clock())
    with database.transaction() as session:
        session.execute(
            text(
                f"insert into {SyncJobRow.__tablename__} (connection_id, entity_type, record_id, state, due_at, received_at)"  # noqa: S608 - the name of a table
                " select :id, 'invoice', n, case when n % 200 = 0 then 'queued' else :settled end, case when n % 200 = 0 then now() end, now()"
                " from generate_series(1, 20000) n"
            ),
            {"id": connection.id, "settled": JobState.DONE},
        )
        session.execute(text("analyze sync_jobs"))
        plan = "\n".join(session.scalars(text(f"explain {scaler()['query']}")))
    assert "sync_jobs_due" in plan
    assert "Seq Scan on sync_jobs" not in plan


def count(database: Database) -> int:
    with database.transaction() as session:
        return int(session.scalar(text(scaler()["query"])) or 0)


def test_the_patches_of_the_guide_fit_the_network_rules() -> None:
    patches = PATCH.findall((ROOT / "docs" / "production.md").read_text())
    assert len(patches) == 3
    for name, patch in patches:
        change = yaml.safe_load(patch)
        *parents, last = change["path"].strip("/").split("/")
        found: Any = of_kind("NetworkPolicy")[name]
        for step in parents:
            found = found[int(step) if isinstance(found, list) else step]
        there = int(last) < len(found) if isinstance(found, list) else last in found
        assert there == (change["op"] == "replace"), name
