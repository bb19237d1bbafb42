"""The examples of reverse proxies: Caddy and nginx in docs/production.md, ingress-nginx in deploy/kubernetes/example."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from fastapi.routing import APIRoute

from local.processes import ROOT
from web.app import ROUTERS

PAGE = (ROOT / "docs" / "production.md").read_text()
_, OF_CADDY, OF_NGINX = re.split(r"Caddy\nfetches|With nginx", PAGE.partition("The web process sees requests")[0])
LOCATIONS: Mapping[str, str] = dict(re.findall(r"location ((?:= )?\S+) \{(.*)\}", OF_NGINX))
INGRESSES: Mapping[str, Any] = {
    each["metadata"]["name"]: each
    for each in yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "example" / "ingress.yaml").read_text())
}
CLOSED = {"/metrics", "/health/ready"}


def paths(name: str) -> dict[str, str]:
    """Return the paths of an Ingress with the types of their match."""
    return {
        path["path"]: path["pathType"]
        for rule in INGRESSES[name]["spec"]["rules"]
        for path in rule["http"]["paths"]
    }


def annotations(name: str) -> dict[str, str]:
    return {
        key.removeprefix("nginx.ingress.kubernetes.io/"): value
        for key, value in INGRESSES[name]["metadata"]["annotations"].items()
    }


def secret_prefixes() -> set[str]:
    """Return the beginnings of the URLs that contain a secret."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    found = {route.path.partition("{token}")[0] for route in routes if "{token}" in route.path}
    return {prefix.replace("/webhooks/moment/", "/webhooks/") for prefix in found}


def test_no_proxy_logs_a_url_that_contains_a_secret() -> None:
    secret = secret_prefixes()
    assert secret == {"/webhooks/", "/sign-in/link/"}
    for prefix in secret:
        assert "access_log off; error_log /dev/null crit;" in LOCATIONS[prefix]
        assert prefix in PAGE.partition("log_skip")[0].rpartition("\n\n")[2]
    assert paths("web-secret-urls") == dict.fromkeys(secret, "Prefix")
    assert annotations("web-secret-urls")["enable-access-log"] == "false"
    assert "exclude http.log.error" in OF_CADDY  # Caddy logs the URL of each request that it could not forward


def test_every_proxy_closes_the_paths_of_operators() -> None:
    for path in CLOSED:
        assert "return 404;" in LOCATIONS[f"= {path}"]
        assert path in re.findall(r"@operators path (.*)", OF_CADDY)[0].split()
    assert paths("web-closed") == dict.fromkeys(CLOSED, "Exact")
    assert annotations("web-closed")["whitelist-source-range"] == "127.0.0.1/32"


def test_nginx_limits_the_requests_of_an_address_but_not_moments_webhooks() -> None:
    (zone,) = re.findall(r"limit_req_zone \$binary_remote_addr zone=(\w+):", OF_NGINX)
    limited = {location for location, body in LOCATIONS.items() if f"limit_req zone={zone} " in body}
    assert limited == {"/", "/sign-in/link/"}
    assert int(annotations("web")["limit-rps"]) > 0
    assert "limit-rps" not in annotations("web-secret-urls")  # a refusal would be logged with its URL


@pytest.mark.parametrize("name", INGRESSES)
def test_every_ingress_is_of_the_same_host_with_tls(name: str) -> None:
    spec, of_web = INGRESSES[name]["spec"], INGRESSES["web"]["spec"]
    assert (spec["tls"], spec["ingressClassName"]) == (of_web["tls"], of_web["ingressClassName"])
    assert [rule["host"] for rule in spec["rules"]] == spec["tls"][0]["hosts"]
    backends = {str(path["backend"]) for rule in spec["rules"] for path in rule["http"]["paths"]}
    assert backends == {str(of_web["rules"][0]["http"]["paths"][0]["backend"])}
    assert annotations(name)["ssl-redirect"] == "true"
