"""24SevenOffice on a free port, reset to its seeded state for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sandbox.faults import Faults
from sandbox.twentyfour import seed
from sandbox.twentyfour.app import create_app
from tests.sandbox.serving import serving
from tests.sandbox.twentyfour.soap_client import Clock, Operation, SoapClient, operations

FOLDER = Path("integrations/twentyfour/wsdl")


@pytest.fixture(scope="session")
def contract() -> dict[str, Operation]:
    return operations(FOLDER)


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def url(clock: Clock) -> Iterator[str]:
    app = create_app(seed.initial_state(clock().date()), wsdl=FOLDER, faults=Faults(), clock=clock)
    with serving(app) as url:
        yield url


@pytest.fixture
def soap(url: str, contract: dict[str, Operation], clock: Clock) -> Iterator[SoapClient]:
    """A SOAP client that has not logged in."""
    clock.reset()
    with requests.Session() as http:
        soap = SoapClient(url, contract, clock, http)
        soap.control("POST", "/reset", expect=204)
        yield soap


@pytest.fixture
def demo(soap: SoapClient) -> SoapClient:
    """A SOAP client of the demo user, logged in."""
    soap.login()
    return soap
