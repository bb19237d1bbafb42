"""From settings to all that a process works with; the one place that knows which class fulfils which port."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache, partial
from random import SystemRandom
from threading import Lock

import structlog
from cryptography.fernet import InvalidToken
from pydantic import SecretStr
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from config.settings import Settings, WrongSettingsError, read_settings
from i18n.messages import msg
from integrations.mail.mailer import Mailer
from integrations.moment import webhooks
from integrations.moment.client import READ_AHEAD_THREADS, MomentSite, pooled_session
from integrations.moment.gateway import MomentGateway
from integrations.openid.provider import OpenIdConnectProvider
from integrations.receivers.client import ReceiverClient
from integrations.remote_clock import RemoteClock
from integrations.shared_cache import SharedCache
from integrations.twentyfour.budget import Budget, Limits
from integrations.twentyfour.client import SoapClient
from integrations.twentyfour.gateway import TwentyFourGateway
from integrations.twentyfour.session import SessionStore
from models.admin import erasure
from models.admin.job_list import JobView
from models.admin.operations import Operations, OperationType, settings_to_try
from models.connections.repository import Connection, Connections, LinksExistError, UnknownConnectionError
from models.connections.settings import ConnectionSettings, opens_others
from models.connections.vault import Vault
from models.database import Database, DatabaseUnavailableError
from models.enums import Record
from models.inbox import webhook_intake
from models.receivers.repository import Receivers
from models.users.idempotency import IdempotencyKeys
from sync.engine.client_check import verify_client
from sync.engine.context import SyncContext
from sync.errors import UnavailableError
from sync.runner import Runner
from worker import heartbeat
from worker.clock import Clock, host_clock, monotonic
from worker.observability.installation_metrics import InstallationMetrics, Intake
from worker.observability.instrumentation import Instrumentation
from worker.observability.metrics import Metrics
from worker.observability.tracing import Tracer
from worker.queues import threads_beside
from worker.record_urls import RecordUrls, find_record_urls, find_references

log = structlog.get_logger()

REDIS_SECONDS = 2
"""Patience with Redis: what is not said to it now is said again by beat."""

clock = host_clock
"""This host's own clock: for what no other host compares."""


class Container:
    """What one process needs, shared by its threads. Nothing is connected to before it is used.

    Raises:
        ValueError: a setting does not make sense, such as a key or the address of the mail server.
    """

    read_webhook = staticmethod(webhooks.read)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics(settings.metrics_token)
        self.database = Database(settings.database_url, pool_size=settings.worker_threads + 2)
        self.shared_clock = Clock(self.database.server_time, wall=clock, monotonic=monotonic)
        self.clock: Callable[[], datetime] = self.shared_clock.measured
        self.metrics.clock_skew.set_function(self.shared_clock.skew_at_hand)
        self.redis = _redis(settings.redis_url)
        self.mailer = Mailer(settings.smtp_url, timeout=settings.answer_seconds)
        self.tracer = Tracer(settings.otel_exporter_otlp_endpoint, self.redis)
        self.instrumentation = Instrumentation(self.metrics, self.tracer)
        self.vault = Vault(settings.secret_keys)
        self.connections = Connections(self.database, self.vault)
        self.operations = Operations(self.database, self.vault)
        self.idempotency = IdempotencyKeys(self.database, self.vault)
        private = settings.receiver_private_networks
        self.receivers = Receivers(self.database, self.vault, private_networks=private)
        self.receiver_client = ReceiverClient(
            private_networks=private,
            connections=threads_beside(settings.worker_threads)["receivers"],
            on_call=partial(self.instrumentation.call_completed, "receiver"),
        )
        self.openid = _openid(settings)
        self.runner = Runner(
            database=self.database,
            connections=self.connections,
            open_context=self.open_context,
            clock=self.clock,
            monotonic=monotonic,
            random=SystemRandom().random,
            sleep=time.sleep,
            lease_ttl=timedelta(seconds=settings.lease_seconds),
            instrumentation=self.instrumentation,
        )
        self.moment_clock = RemoteClock("moment", self.clock)
        self.twentyfour_clock = RemoteClock("twentyfour", self.clock)
        self._moment_site = _moment_site(settings, self.instrumentation, self.moment_clock)
        self.budget = _budget(settings, self.redis, clock=self.clock, refused=self.metrics.request_refused)
        self._soap_client = _soap_client(settings, self.budget, self.instrumentation, self.twentyfour_clock)
        login_seconds = settings.connect_seconds + settings.answer_seconds
        self.cache = SharedCache(self.redis, self.vault)
        self._session_store = SessionStore(self.redis, self.vault, login_seconds=login_seconds)
        self.intake = Intake(lambda: webhook_intake.try_intake(self.database, now=self.clock()))
        self.installation_metrics = InstallationMetrics(
            self.database, self.redis, budget=self.budget, clock=self.clock, intake=self.intake
        )
        self._erps: dict[int, tuple[Connection, TwentyFourGateway]] = {}
        self._erps_lock = Lock()

    def is_alive(self) -> bool:
        """Return whether beat, Redis and a worker have swept lately. Raises RedisError."""
        return heartbeat.is_alive(self.redis)

    def warn_of_lax_settings(self) -> None:
        """Log which settings PostgreSQL does not know of our sessions, as behind a pooler; called at the start."""
        with suppress(DatabaseUnavailableError):
            if lax := self.database.lax_settings():
                log.warning("session_settings_missing", settings=lax)

    def record_urls(self, job: JobView) -> RecordUrls:
        return find_record_urls(self.database, self.settings, job)

    def record_references(
        self, records: Sequence[tuple[int, Record]]
    ) -> list[dict[str, list[dict[str, str | None]]]]:
        """Return what :func:`find_references` finds of records, each with the id of its connection."""
        return find_references(self.database, self.settings, records)

    def open_context(self, connection: Connection, renew_lease: Callable[[], None]) -> SyncContext:
        """Give a flow both systems of a connection; ``renew_lease`` renews the lease that it works under."""
        moment, erp = self.moment(connection.settings), self.cached_erp(connection)
        return SyncContext(
            connection, self.database, moment=moment, erp=erp, clock=self.clock, renew_lease=renew_lease
        )

    def moment(self, settings: ConnectionSettings) -> MomentGateway:
        return MomentGateway(settings, site=self._moment_site)

    def update_settings(
        self,
        connection_id: int,
        values: Mapping[str, object],
        *,
        actor: str,
        seen: datetime | None = None,
        client_number: int | None = None,
    ) -> Connection:
        """Give some settings of a connection new values, and log out of a login that it no longer has.

        Raises what :meth:`~models.connections.repository.Connections.update` raises.
        """
        before = self.connections.get_shown(connection_id)
        seen = seen or before.updated_at
        after = self.connections.update(
            connection_id, values, actor=actor, now=self.clock(), seen=seen, client_number=client_number
        )
        self.cache.for_connection(connection_id).clear()
        if after.settings.login != before.settings.login and not before.unreadable:
            with suppress(UnavailableError):  # without Redis nobody gets at the session either
                self.erp(before.settings).log_out()
        return after

    def save_settings(
        self,
        connection: Connection,
        values: Mapping[str, object],
        *,
        actor: str,
        administers_all: bool,
        typed: Mapping[str, str] | None = None,
    ) -> int | None:
        """Save settings, or return the number of the operation that saves them once both systems accept them.

        That is so for those that may open another client, unless it is somebody who ``administers_all``; and for
        another login where there are links, which it keeps if it leads to the same client. The operation is to be
        dispatched. ``connection`` is as whoever changes it has seen it, and ``typed`` what stands in a form.

        Raises what :meth:`~models.connections.repository.Connections.update` raises.
        """
        if administers_all or not opens_others(connection.settings, values):
            try:
                self.update_settings(connection.id, values, actor=actor, seen=connection.updated_at)
            except LinksExistError as error:
                if error.setting == "moment_company":
                    raise
            else:
                return None
        asked = settings_to_try(connection, values) | dict(typed or {})
        return self.operations.request(
            OperationType.SAVING, connection.id, input_=asked, actor=actor, now=self.clock()
        )

    def erase_connection(self, connection: Connection, *, actor: str) -> Sequence[str]:
        """Erase a connection with all that is kept of it, and return which users see none any more.

        It is paused, and its webhook has no address any more, whatever follows. Raises JobsRunningError, and
        UnavailableError without Redis.
        """
        self.connections.pause(connection.id, msg("It is being erased."), actor=actor, now=self.clock())
        self.connections.new_token(connection.id, actor=actor, now=self.clock())
        self.budget.for_connection(connection.id).forget()
        self.erp(connection.settings).log_out()
        blind = erasure.erase_connection(self.database, connection.id, actor=actor, now=self.clock())
        self.idempotency.forget_connection(connection.id)
        self.erp(connection.settings).log_out()  # once more, as a login may have been on its way
        self.cache.for_connection(connection.id).clear()
        return blind

    def erp(
        self,
        settings: ConnectionSettings,
        *,
        connection_id: int = 0,
        charged_to: int = 0,
        login_of: int | None = None,
    ) -> TwentyFourGateway:
        """Reach a client in 24SevenOffice, on a connection's account and with its cache, or on none with its own.

        Settings that were only typed are ``charged_to`` their connection, and have a cache of their own.
        ``login_of`` is the connection whose login it is: a session is kept only as long as that is so, and nothing
        is called in one that works in another client than the connection's.
        """
        verify = partial(verify_client, self.connections, login_of, settings) if login_of is not None else None
        return TwentyFourGateway(
            settings,
            application_id=self.settings.application_id,
            client=self._soap_client.with_budget(self.budget.for_connection(connection_id or charged_to)),
            store=self._session_store,
            cache=self.cache.for_connection(connection_id) if connection_id else self.cache.private(),
            is_current=lambda: login_of is None or self._has_login(login_of, settings),
            verify_client=verify,
        )

    def cached_erp(self, connection: Connection) -> TwentyFourGateway:
        """Keep one for each connection until its settings or client change, for what it recalls of the client.

        The session of a former login is forgotten: a password that was changed opens nothing any more.
        """
        with self._erps_lock:
            known, former = self._erps.get(connection.id, (None, None))
            if former and known and _works_alike(known, connection):
                self._erps[connection.id] = (connection, former)
                return former
            erp = self.erp(connection.settings, connection_id=connection.id, login_of=connection.id)
            self._erps[connection.id] = (connection, erp)
        if former and known and known.settings.login != connection.settings.login:
            with suppress(UnavailableError):  # without Redis nobody gets at the session either
                former.log_out()
        return erp

    def _has_login(self, connection_id: int, settings: ConnectionSettings) -> bool:
        try:
            return self.connections.get(connection_id).settings.login == settings.login
        except (UnknownConnectionError, InvalidToken):
            return False

    def close(self) -> None:
        self.tracer.close()
        self.database.close()
        self.redis.close()


@cache
def get_container() -> Container:
    """Return this process's own, made from the environment; to be asked for once before there are threads.

    Raises WrongSettingsError.
    """
    settings = read_settings(Settings)
    try:
        return Container(settings)
    except ValueError as error:
        raise WrongSettingsError(f"A setting makes no sense: {error}.") from error


def _works_alike(former: Connection, connection: Connection) -> bool:
    """Return whether a connection has its settings still, and its client or has learned which it is."""
    return former.settings == connection.settings and former.client_number in (None, connection.client_number)


def _openid(settings: Settings) -> OpenIdConnectProvider | None:
    if not settings.openid_issuer:
        return None
    return OpenIdConnectProvider(
        settings.openid_issuer,
        client=(settings.openid_client_id, settings.openid_client_secret),
        callback_url=f"{settings.public_url}/sign-in/openid/back",
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


def _moment_site(settings: Settings, instrumentation: Instrumentation, remote_clock: RemoteClock) -> MomentSite:
    return MomentSite(
        url=settings.moment_url,
        record_url=settings.moment_record_url,
        customer_includes=settings.moment_customer_includes,
        connect_seconds=settings.connect_seconds,
        answer_seconds=settings.answer_seconds,
        session=pooled_session(
            connections=settings.worker_threads + READ_AHEAD_THREADS,
            connect_seconds=settings.connect_seconds,
            on_call=partial(instrumentation.call_completed, "moment"),
            remote_clock=remote_clock,
        ),
    )


def _budget(
    settings: Settings, redis: Redis, *, clock: Callable[[], datetime], refused: Callable[[bool, str], None]
) -> Budget:
    limits = Limits(
        per_hour=settings.twentyfour_requests_per_hour,
        per_second=settings.twentyfour_requests_per_second,
        reserve_percent=settings.twentyfour_reserve_percent,
        connection_percent=settings.twentyfour_connection_percent,
    )
    return Budget(redis, limits=limits, clock=clock, on_refused=refused)


def _soap_client(
    settings: Settings, budget: Budget, instrumentation: Instrumentation, remote_clock: RemoteClock
) -> SoapClient:
    return SoapClient(
        api_url=settings.twentyfour_api_url,
        web_url=settings.twentyfour_web_url,
        budget=budget,
        connect_seconds=settings.connect_seconds,
        answer_seconds=settings.answer_seconds,
        threads=settings.worker_threads + sum(threads_beside(settings.worker_threads).values()),
        on_call=partial(instrumentation.call_completed, "twentyfour"),
        remote_clock=remote_clock,
    )
