import tomllib
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import text

from config.settings import Settings
from local.processes import ROOT, commands
from models.connections.repository import Connections
from models.database import Database
from models.enums import EntityType, JobState, Lane, Record
from models.inbox import due
from models.inbox.enqueue import enqueue
from models.schema.tables import SyncJobRow
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
OTHERS = {"FLOWER_BASIC_AUTH": "flower"}
"""What the processes are told that is no setting of ours, and whose it is."""

HERE = commands(host="0.0.0.0", web_port=8000, flower_port=5555, schedule=Path("/tmp/beat"))  # noqa: S104, S108 - within a container
PROCESSES = {name: ["python", "-m", *arguments] for name, arguments in HERE.items()}
PROCESSES["migrate"] = ["python", "-m", "worker", "migrate"]


def of_kind(kind: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in MANIFESTS if each["kind"] == kind}


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


def told() -> dict[str, set[str]]:
    """Return which environment variables each pod is given."""
    (generated,) = LISTED["configMapGenerator"]
    every = {literal.partition("=")[0] for literal in generated["literals"]}
    every |= {each["name"] for each in EVERY_POD["containers"][0]["env"]}
    return {name: every | {each["name"] for each in container(name).get("env", ())} for name in PODS}


def test_a_pod_runs_what_runs_here() -> None:
    assert {name: container(name)["command"] for name in PODS} == PROCESSES


def test_what_all_pods_have_in_common_reaches_each_of_them() -> None:
    assert [patch["target"]["kind"] for patch in LISTED["patches"]] == ["Deployment", "Job"]
    assert {patch["path"] for patch in LISTED["patches"]} == {"pod.yaml"}
    names = {container(name)["name"] for name in PODS}
    assert names == {each["name"] for each in EVERY_POD["containers"]}


def test_the_example_believes_one_ingress_and_no_network_of_pods() -> None:
    example: Manifest = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())
    (generated,) = example["configMapGenerator"]
    told_values = dict(literal.split("=", 1) for literal in generated["literals"])
    assert ip_network(told_values["FORWARDED_ALLOW_IPS"]).num_addresses == 1


def test_a_pod_is_not_root_and_writes_to_its_own_folder_only() -> None:
    (shared,) = EVERY_POD["containers"]
    assert EVERY_POD["securityContext"]["runAsNonRoot"] is True
    assert EVERY_POD["securityContext"]["runAsUser"] > 0
    assert shared["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert [each["mountPath"] for each in shared["volumeMounts"]] == ["/tmp"]  # noqa: S108 - within a container
    assert all("emptyDir" in volume for volume in EVERY_POD["volumes"])
    assert not any({"securityContext", "volumeMounts"} & container(name).keys() for name in PODS)


@pytest.mark.parametrize("name", PODS)
def test_a_pod_gets_settings_that_there_are_and_all_that_it_must_be(name: str) -> None:
    known = {each.upper() for each in Settings.model_fields} | OTHERS.keys()
    required = {each.upper() for each, field in Settings.model_fields.items() if field.is_required()}
    assert told()[name] - known == set()
    assert required - told()[name] == set()


def test_a_password_stands_nowhere_but_in_the_secret() -> None:
    variables = EVERY_POD["containers"][0]["env"] + [
        each for name in PODS for each in container(name).get("env", ())
    ]
    for each in variables:
        reference = each["valueFrom"]["secretKeyRef"]
        assert (reference["name"], reference["key"]) == ("moment24", each["name"])
    secret = {name.upper() for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)}
    for folder in (BASE, EXAMPLE):
        (generated,) = yaml.safe_load((folder / "kustomization.yaml").read_text())["configMapGenerator"]
        literals = {literal.partition("=")[0] for literal in generated["literals"]}
        assert literals & {*secret, "FLOWER_BASIC_AUTH"} == set()
        assert literals <= {each.upper() for each in Settings.model_fields} | OTHERS.keys()


def test_flower_asks_for_a_password() -> None:
    assert "FLOWER_BASIC_AUTH" in told()["flower"]


def test_the_image_is_that_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for folder in (BASE, EXAMPLE):
        (image,) = yaml.safe_load((folder / "kustomization.yaml").read_text())["images"]
        assert (image["name"], image["newTag"]) == (EVERY_POD["containers"][0]["image"], version)


def test_a_probe_asks_for_a_page_that_there_is() -> None:
    ours = {route.path for route in health.router.routes if hasattr(route, "path")}
    asked = {(name, probe["httpGet"]["path"]) for name, probe in probes() if "httpGet" in probe}
    assert asked == {("web", "/health/live"), ("web", "/health/ready"), ("flower", "/healthcheck")}
    assert {path for name, path in asked if name == "web"} <= ours


def test_a_probe_runs_a_command_that_there_is() -> None:
    ran = {tuple(probe["exec"]["command"]) for name, probe in probes() if "exec" in probe and name == "worker"}
    assert ran == {("python", "-S", "-m", "worker.alive", "--here")}
    (beats,) = [probe["exec"]["command"][-1] for name, probe in probes() if name == "beat"]
    assert 'find /tmp -name "beat*"' in beats
    assert "/tmp/beat" in PROCESSES["beat"]  # noqa: S108 - within a container


@pytest.mark.parametrize("name", ["web", "worker", "beat", "flower"])
def test_a_pod_that_stays_is_watched_and_has_its_share(name: str) -> None:
    assert "livenessProbe" in container(name)
    assert {"cpu", "memory"} <= container(name)["resources"]["requests"].keys()


def test_a_worker_may_finish_its_batch_for_as_long_as_its_lease_holds() -> None:
    assert (
        PODS["worker"]["spec"]["terminationGracePeriodSeconds"] == Settings.model_fields["lease_seconds"].default
    )


def test_there_is_one_beat_and_never_no_web() -> None:
    assert of_kind("Deployment")["beat"]["spec"]["replicas"] == 1
    assert of_kind("PodDisruptionBudget")["web"]["spec"]["minAvailable"] == 1
    assert of_kind("Deployment")["web"]["spec"]["replicas"] > 1


def test_what_chooses_pods_finds_them() -> None:
    labels = {name: template["metadata"]["labels"] for name, template in PODS.items()}
    for name, deployment in of_kind("Deployment").items():
        assert deployment["spec"]["selector"]["matchLabels"] == labels[name]
    for name, service in of_kind("Service").items():
        assert service["spec"]["selector"] == labels[name]
    for name, budget in of_kind("PodDisruptionBudget").items():
        assert budget["spec"]["selector"]["matchLabels"] == labels[name]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_prometheus_is_sent_to_the_port_at_which_a_pod_tells_its_metrics(name: str) -> None:
    literals = dict(literal.split("=", 1) for literal in LISTED["configMapGenerator"][0]["literals"])
    (port,) = container(name)["ports"]
    assert port["containerPort"] == {"web": 8000, "worker": int(literals["WORKER_METRICS_PORT"])}[name]
    assert PODS[name]["metadata"]["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/path": {route.path for route in metrics.router.routes if hasattr(route, "path")}.pop(),
        "prometheus.io/port": str(port["containerPort"]),
    }
    assert "METRICS_TOKEN" in told()[name]
    (let_in,) = of_kind("NetworkPolicy")[name]["spec"]["ingress"]
    assert let_in["ports"] == [{"port": port["name"]}]


def scaler() -> Manifest:
    (trigger,) = of_kind("ScaledObject")["worker"]["spec"]["triggers"]
    return dict(trigger["metadata"])


def test_the_autoscaler_alone_says_how_many_workers_there_are() -> None:
    assert of_kind("ScaledObject")["worker"]["spec"]["scaleTargetRef"]["name"] == "worker"
    assert "replicas" not in of_kind("Deployment")["worker"]["spec"]
    assert scaler()["connectionFromEnv"] in told()["worker"]
    literals = dict(literal.split("=", 1) for literal in LISTED["configMapGenerator"][0]["literals"])
    assert scaler()["targetQueryValue"] == literals["WORKER_THREADS"]


def test_the_autoscaler_counts_the_lanes_that_a_worker_would_take(
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


def test_the_autoscaler_reads_only_what_is_due(database: Database, connections: Connections) -> None:
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
