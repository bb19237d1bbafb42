"""From settings to all that a process works with; the one place that knows which class fulfils which port."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache, partial
from random import SystemRandom
from threading import Lock
from typing import TYPE_CHECKING

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.settings import Settings
from integrations.mail.mailer import Mailer
from integrations.moment import webhooks
from integrations.moment.client import MomentSite, pooled_session
from integrations.moment.gateway import MomentGateway
from integrations.openid.provider import Provider
from integrations.twentyfour.budget import Budget
from integrations.twentyfour.client import SoapClient
from integrations.twentyfour.gateway import TwentyFour
from integrations.twentyfour.session import SessionStore
from models.base import Database
from models.connections import Connections
from models.errands import Errands
from models.vault import Vault
from sync.desk import Desk
from sync.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from models.connections import Connection
    from models.settings import ConnectionSettings

REDIS_SECONDS = 2
"""Patience with Redis: what is not said to it now is said again by beat."""

clock = partial(datetime.now, UTC)
read_notification = webhooks.read


class Bridge:
    """What one process needs, shared by its threads. Nothing is connected to before it is used.

    Args:
        settings: the installation's.

    Raises:
        ValueError: a setting does not make sense, such as a key or the address of the mail server.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url, pool_size=settings.worker_threads + 2)
        self.redis = _redis(settings.redis_url)
        self.mailer = Mailer(settings.smtp_url, timeout=settings.answer_seconds)
        self.vault = vault = Vault(settings.secret_keys)
        self.connections = Connections(self.database, vault)
        self.errands = Errands(self.database, vault)
        self.openid = _openid(settings)
        self.runner = Runner(
            self.database,
            self.connections,
            open_desk=self.open_desk,
            clock=clock,
            dice=SystemRandom().random,
            claim_for=timedelta(seconds=settings.claim_seconds),
        )
        self._moment_site = _moment_site(settings)
        self.budget = _budget(settings, self.redis)
        self._soap_client = _soap_client(settings, self.budget)
        login_seconds = settings.connect_seconds + settings.answer_seconds
        self._session_store = SessionStore(self.redis, vault, login_seconds=login_seconds)
        self._erps: dict[int, tuple[ConnectionSettings, TwentyFour]] = {}
        self._keeping = Lock()

    def open_desk(self, connection: Connection, hold: Callable[[], None]) -> Desk:
        """Give a flow both systems of a connection; ``hold`` renews the claim that it works on."""
        moment, erp = self.moment(connection.settings), self.kept_erp(connection)
        return Desk(connection, self.database, moment=moment, erp=erp, clock=clock, hold=hold)

    def moment(self, settings: ConnectionSettings) -> MomentGateway:
        """Reach a connection's company in Moment."""
        return MomentGateway(settings, site=self._moment_site)

    def erp(self, settings: ConnectionSettings) -> TwentyFour:
        """Reach a connection's client in 24SevenOffice, with nothing remembered of it."""
        return TwentyFour(
            settings,
            application_id=self.settings.application_id,
            client=self._soap_client,
            store=self._session_store,
        )

    def kept_erp(self, connection: Connection) -> TwentyFour:
        """Keep one for each connection until its settings change, for what it remembers of the books."""
        with self._keeping:
            settings, erp = self._erps.get(connection.id, (None, None))
            if erp is None or settings != connection.settings:
                erp = self.erp(connection.settings)
                self._erps[connection.id] = (connection.settings, erp)
            return erp

    def close(self) -> None:
        """Close the connections to PostgreSQL and Redis."""
        self.database.close()
        self.redis.close()


@cache
def bridge() -> Bridge:
    """Tell this process's own, made from the environment; to be asked for once before there are threads."""
    return Bridge(Settings())


def _openid(settings: Settings) -> Provider | None:
    """Reach the OpenID provider, where there is one."""
    if not settings.openid_issuer:
        return None
    return Provider(
        settings.openid_issuer,
        client=(settings.openid_client_id, settings.openid_client_secret),
        back=f"{settings.public_url}/sign-in/openid/back",
        timeout=(settings.connect_seconds, settings.answer_seconds),
        clock=clock,
    )


def _redis(url: SecretStr) -> Redis:
    return Redis.from_url(
        url.get_secret_value(),
        socket_connect_timeout=REDIS_SECONDS,
        socket_timeout=REDIS_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _moment_site(settings: Settings) -> MomentSite:
    return MomentSite(
        url=settings.moment_url,
        record_url=settings.moment_record_url,
        connect_seconds=settings.connect_seconds,
        answer_seconds=settings.answer_seconds,
        session=pooled_session(connections=settings.worker_threads, connect_seconds=settings.connect_seconds),
    )


def _budget(settings: Settings, redis: Redis) -> Budget:
    return Budget(
        redis,
        per_hour=settings.twentyfour_requests_per_hour,
        per_second=settings.twentyfour_requests_per_second,
        clock=clock,
    )


def _soap_client(settings: Settings, budget: Budget) -> SoapClient:
    return SoapClient(
        api_url=settings.twentyfour_api_url,
        web_url=settings.twentyfour_web_url,
        budget=budget,
        connect_seconds=settings.connect_seconds,
        answer_seconds=settings.answer_seconds,
        threads=settings.worker_threads,
    )
