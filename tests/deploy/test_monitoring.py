"""The metrics in the dashboard and the alerts are served by the processes, with these labels and values."""

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import yaml

from local.processes import ROOT
from models.enums import EntityType, Outcome
from sync.error_codes import ERROR_CODES
from tests.deploy.recipe import SERVICES
from tests.installation import environment, installed
from web.metrics import PARTS
from worker.observability.metrics import LATENCY_SECONDS, NEEDS_ATTENTION, SYNCED_ALONE

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTS: dict[str, Any] = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())
RULES: list[dict[str, Any]] = [rule for group in ALERTS["groups"] for rule in group["rules"]]
CASES: dict[str, Any] = yaml.safe_load((PROMETHEUS / "alerts_test.yml").read_text())
SCRAPING: dict[str, Any] = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
BOARD: dict[str, Any] = json.loads((ROOT / "deploy" / "grafana" / "moment24.json").read_text())
EXPRESSIONS = [rule["expr"] for rule in RULES] + [
    target["expr"] for panel in BOARD["panels"] for target in panel["targets"]
]
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}
QUANTILES = {"le"}


def metrics() -> Iterator[tuple[str, set[str]]]:
    """Return the series with their labels, from the page that is compared with the code."""
    page = (ROOT / "docs" / "metrics.md").read_text()
    for name, kind, labels in re.findall(r"^\| `(moment24_\w+)` \| (\w+) \| ([^|]*) \|", page, re.MULTILINE):
        for suffix in SUFFIXES.get(kind, ("",)):
            yield (
                name + suffix,
                set(re.findall(r"`(\w+)`", labels)) | (QUANTILES if kind == "histogram" else set()),
            )


OF_OTHERS = {
    "up": {"job"},
    "node_filesystem_avail_bytes": {"fstype"},
    "node_filesystem_size_bytes": set[str](),
    "kubelet_volume_stats_available_bytes": set[str](),
    "kubelet_volume_stats_capacity_bytes": set[str](),
}
"""Metrics of Prometheus itself, node_exporter and the kubelet."""

OF_PROCESSES: dict[str, set[str]] = {
    "entity_type": set(EntityType),
    "outcome": set(Outcome),
    "error_code": set(ERROR_CODES),
    "result": {SYNCED_ALONE, NEEDS_ATTENTION},
    "part": {"page", *PARTS.values()},
    "status": {str(each.value) for each in HTTPStatus},
    "le": {str(float(each)) for each in LATENCY_SECONDS},
}
"""Values of the labels with which a process counts its work."""

SERIES = dict(metrics()) | OF_OTHERS
OWN = {"moment24_tasks_running", "moment24_clock_skew_seconds"} | {
    name for name in SERIES if re.search(r"_(total|bucket|sum|count)$", name)
}
"""Metrics of a single process."""


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_uses_existing_series_and_labels(expression: str) -> None:
    named = set(re.findall(r"\b(?:moment24|node|kubelet)_\w+|\bup\b", expression))
    assert named
    assert named <= SERIES.keys()
    labels = set(re.findall(r'(\w+)(?:=|!=|=~|!~)"', expression))
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        labels |= {each.strip() for each in grouped.split(",")}
    assert labels <= set.union(*(SERIES[name] for name in named)) | {"instance"}


def test_an_expression_selects_label_values_that_are_exported(database_url: str, redis_url: str) -> None:
    with installed(environment(database_url, redis_url)) as container:
        of_installation = {
            family.name: [sample.labels for sample in family.samples]
            for family in container.installation_metrics.collect()
        }
    for expression in EXPRESSIONS:
        for name, selector in re.findall(r"(moment24_\w+)\{([^}]*)\}", expression):
            for label, operator, value in re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', selector):
                labels = of_installation.get(name)
                exported = {each[label] for each in labels} if labels else OF_PROCESSES[label]
                for one in value.replace(r"\\", "\\").split("|") if "~" in operator else [re.escape(value)]:
                    assert any(re.fullmatch(one, each) for each in exported), (expression, one)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_is_well_formed(expression: str) -> None:
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing)
    for counter in re.findall(r"moment24_\w+_(?:total|bucket|sum|count)\b[^[]{0,60}", expression):
        assert re.match(r"\w+(\{[^}]*\})?$", counter), "counters are read by rate or increase, over a span"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_figures_that_every_web_process_exports_are_never_summed(expression: str) -> None:
    alike = {name for name, labels in dict(metrics()).items() if name not in OWN and "le" not in labels}
    for added in re.findall(r"\bsum(?: by \([^)]*\))? \((moment24_\w+)|\bsum\((moment24_\w+)", expression):
        assert set(filter(None, added)) & alike == set() or "by (instance)" in expression


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_has_a_severity_a_summary_and_a_remedy(rule: dict[str, Any]) -> None:
    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"Moment24[A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"].keys() == {"summary", "todo", "runbook"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alert_links_to_an_existing_section(rule: dict[str, Any]) -> None:
    page, _, section = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^##+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
    assert section in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", dict.fromkeys(rule["alert"] for rule in RULES))
def test_an_alert_rule_is_tested_both_silent_and_firing(name: str) -> None:
    """The cases are played by promtool, in `make alerts`."""
    asked = [case for test in CASES["tests"] if test["name"] == name for case in test["promql_expr_test"]]
    assert {case["expr"] for case in asked} == {f'ALERTS{{alertname="{name}",alertstate="firing"}}'}
    assert {bool(case["exp_samples"]) for case in asked} == {True, False}


def test_only_existing_alerts_are_tested() -> None:
    assert {test["name"] for test in CASES["tests"]} == {rule["alert"] for rule in RULES}


def test_alert_names_are_unique() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)


def test_panels_do_not_overlap() -> None:
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in BOARD["panels"]}
    assert len(places) == len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_prometheus_scrapes_existing_services_with_a_token() -> None:
    (job,) = SCRAPING["scrape_configs"]
    asked = {name for each in job["dns_sd_configs"] for name in each["names"]}
    assert asked <= SERVICES.keys()
    assert job["authorization"]["credentials_file"]
    assert (PROMETHEUS / SCRAPING["rule_files"][0]).exists()
