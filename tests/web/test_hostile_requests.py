"""The endpoints for programs with requests from schemathesis: ``make fuzz`` sends 10,000."""

from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode

from tests.web.conftest import Web
from web.app import create_app

ENDPOINTS = ("/webhooks/", "/health/")
TEXT = {"type": "string"}
PARTY = {"type": ["object", "null"], "properties": {"id": {"type": "integer"}, "customerNumber": TEXT}}
INVOICE = {"type": "object", "properties": {"id": {"type": "integer"}, "customer": PARTY, "project": PARTY}}
WEBHOOK_BODY = {
    "type": "object",
    "properties": {"event": TEXT, "customer": PARTY, "project": PARTY, "invoice": INVOICE},
}
"""Moment's requests. The endpoint reads untrusted bytes, so the app's own schema lacks them."""
UNASKED = [{"name": "since", "in": "query", "schema": TEXT}, {"name": "X-Trace", "in": "header", "schema": TEXT}]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("known", [True, False], ids=["at a known address", "at any address"])
def test_no_request_makes_an_endpoint_fail(mode: GenerationMode, *, known: bool, web: Web) -> None:
    token = web.webhook_url.rpartition("/")[2]

    @given(cases(mode))
    def send(case: Case[Any]) -> None:
        if known and "token" in case.path_parameters:
            case.path_parameters["token"] = token
        assert case.call(base_url=web.url).status_code < 500

    send()


def cases(mode: GenerationMode) -> SearchStrategy[Case[Any]]:
    """Return requests to the endpoints; each has the input that it reads, and some that it does not."""
    described: dict[str, Any] = create_app().openapi()
    endpoints = [
        (path, method)
        for path, methods in described["paths"].items()
        if path.startswith(ENDPOINTS)
        for method in methods
    ]
    for path, method in endpoints:
        operation = described["paths"][path][method]
        operation["parameters"] = [*operation.get("parameters", []), *UNASKED]
    hook = described["paths"]["/webhooks/moment/{token}"]["post"]
    hook["requestBody"] = {"content": {"application/json": {"schema": WEBHOOK_BODY}}}
    schema = schemathesis.openapi.from_dict(described)
    return st.one_of([schema[path][method].as_strategy(generation_mode=mode) for path, method in endpoints])
