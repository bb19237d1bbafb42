"""Access to Moment and 24SevenOffice, and the runner with its flows; the web and most commands don't load it."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from random import SystemRandom
from threading import Lock

from cryptography.fernet import InvalidToken
from redis import Redis

from config.settings import Settings
from integrations.moment.client import READ_AHEAD_THREADS, MomentSite, pooled_session
from integrations.moment.gateway import MomentGateway
from integrations.remote_clock import RemoteClock
from integrations.shared_cache import SharedCache
from integrations.twentyfour.budget import Budget
from integrations.twentyfour.client import SoapClient
from integrations.twentyfour.gateway import TwentyFourGateway
from integrations.twentyfour.session import SessionStore
from models.connections.repository import Connection, Connections, UnknownConnectionError
from models.connections.settings import ConnectionSettings
from models.connections.vault import Vault
from models.database import Database
from sync.engine.client_identity import verify_client
from sync.engine.context import SyncContext
from sync.errors import UnavailableError
from sync.runner import Runner
from worker.observability.instrumentation import Instrumentation
from worker.queues import threads_per_queue


class RemoteSystems:
    """Both systems, for all connections; threads share it. ``clock`` is the host's own, in UTC."""

    def __init__(  # noqa: PLR0913 - keyword-only
        self,
        settings: Settings,
        *,
        database: Database,
        redis: Redis,
        vault: Vault,
        connections: Connections,
        budget: Budget,
        cache: SharedCache,
        instrumentation: Instrumentation,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
    ) -> None:
        self._settings, self._database, self._connections = settings, database, connections
        self._budget, self._cache, self._clock = budget, cache, clock
        self.moment_clock = RemoteClock("moment", clock)
        self.twentyfour_clock = RemoteClock("twentyfour", clock)
        self._moment_site = _moment_site(settings, instrumentation, self.moment_clock)
        self._soap_client = _soap_client(settings, budget, instrumentation, self.twentyfour_clock)
        login_seconds = settings.connect_seconds + settings.answer_seconds
        self._session_store = SessionStore(redis, vault, login_seconds=login_seconds)
        self.runner = Runner(
            database=database,
            connections=connections,
            open_context=self.open_context,
            clock=clock,
            monotonic=monotonic,
            random=SystemRandom().random,
            sleep=time.sleep,
            lease_ttl=timedelta(seconds=settings.lease_seconds),
            instrumentation=instrumentation,
        )
        self._erps: dict[int, tuple[Connection, TwentyFourGateway]] = {}
        self._erps_lock = Lock()

    def open_context(self, connection: Connection, renew_lease: Callable[[], None]) -> SyncContext:
        """Open both systems of a connection for a flow; ``renew_lease`` renews the flow's lease."""
        moment, erp = self.moment(connection.settings), self.cached_erp(connection)
        return SyncContext(
            connection, self._database, moment=moment, erp=erp, clock=self._clock, renew_lease=renew_lease
        )

    def moment(self, settings: ConnectionSettings) -> MomentGateway:
        return MomentGateway(settings, site=self._moment_site)

    def erp(
        self,
        settings: ConnectionSettings,
        *,
        connection_id: int = 0,
        charged_to: int = 0,
        login_of: int | None = None,
    ) -> TwentyFourGateway:
        """Return a gateway to a client in 24SevenOffice, with a connection's account and cache, or with neither.

        For unsaved settings, the requests are ``charged_to`` their connection. ``login_of`` is the connection with
        this login: its session is kept only while it uses the login, and is used only for its client.
        """
        verify = partial(verify_client, self._connections, login_of, settings) if login_of is not None else None
        return TwentyFourGateway(
            settings,
            application_id=self._settings.application_id,
            client=self._soap_client.with_budget(self._budget.for_connection(connection_id or charged_to)),
            store=self._session_store,
            cache=self._cache.for_connection(connection_id) if connection_id else self._cache.private(),
            is_current=lambda: login_of is None or self._has_login(login_of, settings),
            verify_client=verify,
        )

    def cached_erp(self, connection: Connection) -> TwentyFourGateway:
        """Return a connection's gateway, kept until settings or client change; a former login is logged out."""
        with self._erps_lock:
            known, former = self._erps.get(connection.id, (None, None))
            if former and known and _works_alike(known, connection):
                self._erps[connection.id] = (connection, former)
                return former
            erp = self.erp(connection.settings, connection_id=connection.id, login_of=connection.id)
            self._erps[connection.id] = (connection, erp)
        if former and known and known.settings.login != connection.settings.login:
            with suppress(UnavailableError):  # without Redis, the session cannot be used either
                former.log_out()
        return erp

    def _has_login(self, connection_id: int, settings: ConnectionSettings) -> bool:
        try:
            return self._connections.get(connection_id).settings.login == settings.login
        except (UnknownConnectionError, InvalidToken):
            return False


def _works_alike(former: Connection, connection: Connection) -> bool:
    """Return whether a connection has the same settings, and the same client or has just learned it."""
    return former.settings == connection.settings and former.client_number in (None, connection.client_number)


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


def _soap_client(
    settings: Settings, budget: Budget, instrumentation: Instrumentation, remote_clock: RemoteClock
) -> SoapClient:
    return SoapClient(
        api_url=settings.twentyfour_api_url,
        web_url=settings.twentyfour_web_url,
        budget=budget,
        connect_seconds=settings.connect_seconds,
        answer_seconds=settings.answer_seconds,
        threads=settings.worker_threads + sum(threads_per_queue(settings.worker_threads).values()),
        on_call=partial(instrumentation.call_completed, "twentyfour"),
        remote_clock=remote_clock,
    )
