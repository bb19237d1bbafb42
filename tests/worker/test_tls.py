"""PostgreSQL and Redis over TLS: verified with the configured authority, and refused with another."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
import requests
from celery import Celery
from kombu.exceptions import OperationalError
from pydantic import SecretStr
from redis.exceptions import ConnectionError as RedisConnectionError

from local.servers import Server
from models.database import Database, DatabaseUnavailableError, is_behind, migrate
from tests.installation import environment, installed
from tests.tls import HOST, Certificates, TlsTerminator, make_certificates, running
from tests.worker.flower_process import CREDENTIALS, flower_process
from worker.queues import broker_configuration


@dataclass(frozen=True, kw_only=True)
class TlsProxies:
    """TLS proxies in front of PostgreSQL and Redis, and their URLs."""

    certificates: Certificates
    postgres: TlsTerminator
    redis: TlsTerminator

    def database_url(self, plain: str, *, host: str = HOST, authority: str = "authority") -> str:
        parts, file = urlsplit(plain), getattr(self.certificates, authority)
        place = f"{parts.username}:{parts.password}@{host}:{self.postgres.port}{parts.path}"
        return f"postgresql://{place}?sslmode=verify-full&sslrootcert={file}"

    def redis_url(self, plain: str, *, host: str = HOST, authority: str = "authority") -> str:
        file = getattr(self.certificates, authority)
        return f"{self.redis_url_without_options(plain, host=host)}?ssl_ca_certs={file}"

    def redis_url_without_options(self, plain: str, *, host: str = HOST) -> str:
        return f"rediss://:{urlsplit(plain).password}@{host}:{self.redis.port}/0"


@pytest.fixture(scope="module")
def tls_proxies(
    postgres: Server, redis_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsProxies]:
    certificates = make_certificates(tmp_path_factory.mktemp("certificates"))
    made = TlsProxies(
        certificates=certificates,
        postgres=TlsTerminator(certificates, postgres.port, postgres=True),
        redis=TlsTerminator(certificates, redis_server.port, postgres=False),
    )
    with running(made.postgres, made.redis):
        yield made


WRONG = pytest.mark.parametrize("wrong", [{"authority": "stranger"}, {"host": "127.0.0.1"}], ids=["ca", "name"])


def test_postgresql_is_reached_over_tls(tls_proxies: TlsProxies, database_url: str) -> None:
    url = SecretStr(tls_proxies.database_url(database_url))
    migrate(url)
    database = Database(url, pool_size=1)
    assert not is_behind(database)
    database.close()


@WRONG
def test_postgresql_without_a_trusted_certificate_is_refused(
    tls_proxies: TlsProxies, database_url: str, wrong: dict[str, str]
) -> None:
    database = Database(SecretStr(tls_proxies.database_url(database_url, **wrong)), pool_size=1)
    with pytest.raises(DatabaseUnavailableError) as refused:
        database.server_time()
    assert "certificate" in str(refused.value.__cause__)
    database.close()


def test_redis_is_reached_over_tls(tls_proxies: TlsProxies, database_url: str, redis_url: str) -> None:
    with installed(environment(database_url, tls_proxies.redis_url(redis_url))) as container:
        assert container.redis.ping()


@WRONG
def test_redis_without_a_trusted_certificate_is_refused(
    tls_proxies: TlsProxies, database_url: str, redis_url: str, wrong: dict[str, str]
) -> None:
    with (
        installed(environment(database_url, tls_proxies.redis_url(redis_url, **wrong))) as container,
        pytest.raises(RedisConnectionError, match=r"CERTIFICATE_VERIFY_FAILED"),
    ):
        container.redis.ping()


def connect_as_celery_does(redis_url: str) -> None:
    app = Celery("test", set_as_current=False)
    app.conf.update(broker_configuration(redis_url))
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)


def test_celery_reaches_its_broker_over_tls(tls_proxies: TlsProxies, redis_url: str) -> None:
    connect_as_celery_does(tls_proxies.redis_url(redis_url))


@WRONG
def test_a_broker_without_a_trusted_certificate_is_refused(
    tls_proxies: TlsProxies, redis_url: str, wrong: dict[str, str]
) -> None:
    with pytest.raises(OperationalError, match=r"CERTIFICATE_VERIFY_FAILED"):
        connect_as_celery_does(tls_proxies.redis_url(redis_url, **wrong))


def test_celery_verifies_certificates_even_if_no_authority_is_set(tls_proxies: TlsProxies, redis_url: str) -> None:
    with pytest.raises(OperationalError, match=r"CERTIFICATE_VERIFY_FAILED"):
        connect_as_celery_does(tls_proxies.redis_url_without_options(redis_url))


def test_flower_reaches_its_broker_over_tls(tls_proxies: TlsProxies, redis_url: str) -> None:
    with flower_process(tls_proxies.redis_url(redis_url)) as url:
        lengths = requests.get(f"{url}/api/queues/length", auth=CREDENTIALS, timeout=20)
    assert {"name": "sync", "messages": 0} in lengths.json()["active_queues"]
