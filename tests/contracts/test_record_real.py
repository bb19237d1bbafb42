"""Recording real accounts, tried on a sandbox behind other URLs whose responses differ in places."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from tests.contracts import record_real
from tests.contracts.altering import Altering
from tests.contracts.stage_moment import MORNING, MomentSandbox, serving_moment
from tests.contracts.stage_twentyfour import TwentyFourSandbox, enter_purchase, serving_twentyfour

SECRETS = (
    "demo-password",
    "moment-demo-key",
    "demo@example.com",
    "Nordlys",
    "Byggmakker",
    "310987654",
    "1001",
    "F-77",
)


@pytest.fixture
def altering() -> Altering:
    return Altering()


@pytest.fixture
def environ(altering: Altering, redis_url: str) -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        moment = stack.enter_context(serving_moment(altering.around))
        twentyfour = stack.enter_context(serving_twentyfour(around=altering.around))
        moment_sandbox = MomentSandbox(moment)
        moment_sandbox.finalize()
        moment_sandbox.credit()
        with Redis.from_url(redis_url) as redis:
            enter_purchase(TwentyFourSandbox(twentyfour, redis))
        yield {
            "RECORD_MOMENT_URL": f"{moment}/api/1.0",
            "RECORD_MOMENT_COMPANY": "1001",
            "RECORD_MOMENT_API_KEY": "moment-demo-key",
            "RECORD_API_URL": twentyfour,
            "RECORD_WEB_URL": twentyfour,
            "RECORD_APPLICATION_ID": "00000000-0000-0000-0000-000000000000",
            "RECORD_USERNAME": "demo@example.com",
            "RECORD_PASSWORD": "demo-password",
        }


def test_identical_responses_have_no_differences(environ: dict[str, str], tmp_path: Path) -> None:
    assert record_real.record(environ, tmp_path, now=MORNING) == []


def test_differences_are_named_by_element_and_type(
    environ: dict[str, str], altering: Altering, tmp_path: Path
) -> None:
    altering.texts = {
        b"<TaxName>": b"<TaxGroup>7</TaxGroup><TaxName>",
        # In the WSDL, though the sandbox has none:
        b"<IsCurrent>": b"<Servers><Server><Id>1</Id><Type>2</Type></Server></Servers><IsCurrent>",
        b'"projectNumber": "1"': b'"projectNumber": 1',
        b'"currencyRate": 1, ': b"",
    }
    assert record_real.record(environ, tmp_path, now=MORNING) == [
        "GET invoices: .content[].currencyRate is missing",
        "GET invoices/{id}: .currencyRate is missing",
        "GET projects: .content[].projectNumber is whole number, here text",
        "GET projects/{id}: .projectNumber is whole number, here text",
        "GetTaxCodeList: GetTaxCodeListResponse/GetTaxCodeListResult/TaxCodeElement/TaxGroup is new (whole number)",
    ]


def test_no_value_is_kept(environ: dict[str, str], tmp_path: Path) -> None:
    record_real.record(environ, tmp_path, now=MORNING)
    written = "".join(path.read_text() for path in tmp_path.rglob("*.yaml"))
    assert "GetAccountListResult" in written
    assert [secret for secret in SECRETS if secret in written] == []


def test_without_keys_no_request_is_sent(tmp_path: Path) -> None:
    assert record_real.record({}, tmp_path, now=MORNING) == []
    assert list(tmp_path.iterdir()) == []
