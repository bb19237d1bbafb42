import ast
import re
from pathlib import Path

import pytest
from redis import Redis

from tests.contracts.record_twentyfour import CASSETTES, TWENTYFOUR, tape
from tests.contracts.stage_twentyfour import RECORDED_CALLS, WSDLS, gateway

RECORDED = sorted(CASSETTES.glob("*.yaml"))


@pytest.mark.parametrize("name", RECORDED_CALLS)
def test_the_client_sends_the_recorded_request_and_reads_the_response(name: str, redis_url: str) -> None:
    recorded_call = RECORDED_CALLS[name]
    with Redis.from_url(redis_url) as redis, tape().use_cassette(name) as cassette:
        assert recorded_call.call(gateway(TWENTYFOUR, redis, **recorded_call.settings)) == recorded_call.result
        assert cassette.all_played


def test_every_operation_that_the_client_uses_is_recorded() -> None:
    offered = {
        name for path in WSDLS.glob("*.wsdl") for name in re.findall(r'operation name="(\w+)"', path.read_text())
    }
    used = offered & {
        node.value
        for path in Path(WSDLS.parent).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
    }
    recorded = {
        name
        for path in RECORDED
        for name in re.findall(r"webservices/(?:economy/accounting/)?(\w+)\"'", path.read_text())
    }
    assert used == recorded


def test_no_cassette_contains_a_secret() -> None:
    text = "".join(path.read_text() for path in RECORDED)
    assert "<ns0:Password>secret<" in text
    assert not re.search(r"demo-password|demo@example\.com|SessionId|Authorization", text, re.IGNORECASE)
