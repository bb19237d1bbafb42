"""Moment as a plain HTTP server, and a gateway that reaches it with short timeouts."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from integrations.moment.client import MomentClient, MomentSite
from integrations.moment.gateway import MomentGateway
from models.connections.settings import ConnectionSettings
from tests.integrations.moment.remote import Remote, serving


@pytest.fixture
def remote() -> Iterator[Remote]:
    with serving() as remote:
        yield remote


@pytest.fixture
def site(remote: Remote) -> Iterator[MomentSite]:
    site = MomentSite(
        url=remote.url,
        record_url="https://moment.example.com/companies/{company}/{kind}/{id}",
        customer_includes="",
        connect_seconds=2,
        answer_seconds=0.5,
    )
    yield site
    site.session.close()


@pytest.fixture
def gateway(site: MomentSite) -> MomentGateway:
    settings = ConnectionSettings(
        moment_company="1001",
        moment_api_key=SecretStr("moment-key"),
        username="demo@example.com",
        password=SecretStr("password"),
    )
    return MomentGateway(settings, site=site)


@pytest.fixture
def client(site: MomentSite) -> MomentClient:
    return MomentClient(site, company="1001", api_key=SecretStr("moment-key"))
