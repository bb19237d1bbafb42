"""The container builds the parts of a process, each imported on first use. Only it chooses implementations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from config.settings import Settings, WrongSettingsError, read_settings
from i18n.messages import msg
from models.connections.repository import SECRET_FIELDS, Connection, Connections, LinksExistError
from models.connections.settings import may_open_other_data
from models.connections.vault import Vault
from models.database import Database, DatabaseUnavailableError
from sync.errors import UnavailableError
from worker import __version__
from worker.clock import Clock, host_clock, monotonic

if TYPE_CHECKING:
    from redis import Redis

    from integrations.mail.mailer import Mailer
    from integrations.moment.gateway import MomentGateway
    from integrations.openid.provider import OpenIdConnectProvider
    from integrations.receivers.client import ReceiverClient
    from integrations.remote_clock import RemoteClock
    from integrations.shared_cache import SharedCache
    from integrations.twentyfour.budget import Budget
    from integrations.twentyfour.gateway import TwentyFourGateway
    from models.admin.job_list import JobView
    from models.admin.operations import Operations
    from models.connections.settings import ConnectionSettings
    from models.enums import Record
    from models.receivers.repository import Receivers
    from models.users.idempotency import IdempotencyKeys
    from sync.engine.context import SyncContext
    from sync.runner import Runner
    from worker.observability.installation_metrics import InstallationMetrics, Intake
    from worker.observability.instrumentation import Instrumentation
    from worker.observability.metrics import Metrics
    from worker.observability.tracing import Tracer
    from worker.record_urls import RecordUrls
    from worker.remote_systems import RemoteSystems

log = structlog.get_logger()

REDIS_SECONDS = 2
"""The timeout of Redis. It is short, because beat sends again what cannot be sent now."""

clock = host_clock
"""This host's clock, for times that no other host compares."""


class Container:
    """The parts of one process, shared by its threads. They connect when first used. Raises ValueError."""

    version = __version__

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url, pool_size=settings.worker_threads + 2)
        self.shared_clock = Clock(self.database.server_time, wall=clock, monotonic=monotonic)
        self.clock: Callable[[], datetime] = self.shared_clock.measured
        self.vault = Vault(settings.secret_keys)
        self.connections = Connections(self.database, self.vault)

    @cached_property
    def operations(self) -> Operations:
        from models.admin.operations import Operations

        return Operations(self.database, self.vault)

    @cached_property
    def idempotency(self) -> IdempotencyKeys:
        from models.users.idempotency import IdempotencyKeys

        return IdempotencyKeys(self.database, self.vault)

    @cached_property
    def receivers(self) -> Receivers:
        from models.receivers.repository import Receivers

        return Receivers(self.database, self.vault, private_networks=self.settings.receiver_private_networks)

    @cached_property
    def receiver_client(self) -> ReceiverClient:
        from integrations.receivers.client import ReceiverClient
        from worker.queues import threads_per_queue

        return ReceiverClient(
            private_networks=self.settings.receiver_private_networks,
            connections=threads_per_queue(self.settings.worker_threads)["receivers"],
            on_call=partial(self.instrumentation.call_completed, "receiver"),
        )

    @cached_property
    def redis(self) -> Redis:
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return Redis.from_url(
            self.settings.redis_url.get_secret_value(),
            socket_connect_timeout=REDIS_SECONDS,
            socket_timeout=REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    @cached_property
    def metrics(self) -> Metrics:
        from worker.observability.metrics import Metrics

        metrics = Metrics(self.settings.metrics_token)
        metrics.clock_skew.set_function(self.shared_clock.last_skew_seconds)
        return metrics

    @cached_property
    def tracer(self) -> Tracer:
        from worker.observability.tracing import Tracer

        return Tracer(self.settings.otel_exporter_otlp_endpoint, self.redis)

    @cached_property
    def instrumentation(self) -> Instrumentation:
        from worker.observability.instrumentation import Instrumentation

        return Instrumentation(self.metrics, self.tracer)

    @cached_property
    def intake(self) -> Intake:
        from models.inbox import webhook_intake
        from worker.observability.installation_metrics import Intake

        return Intake(lambda: webhook_intake.try_intake(self.database, now=self.clock()))

    @cached_property
    def installation_metrics(self) -> InstallationMetrics:
        from worker.observability.installation_metrics import InstallationMetrics

        return InstallationMetrics(
            self.database, self.redis, budget=self.budget, clock=self.clock, intake=self.intake
        )

    @cached_property
    def mailer(self) -> Mailer:
        from integrations.mail.mailer import Mailer

        return Mailer(self.settings.smtp_url, timeout=self.settings.answer_seconds)

    @cached_property
    def openid(self) -> OpenIdConnectProvider | None:
        settings = self.settings
        if not settings.openid_issuer:
            return None
        from integrations.openid.provider import OpenIdConnectProvider

        return OpenIdConnectProvider(
            settings.openid_issuer,
            client=(settings.openid_client_id, settings.openid_client_secret),
            callback_url=f"{settings.public_url}/sign-in/openid/back",
            timeout=(settings.connect_seconds, settings.answer_seconds),
            clock=clock,
        )

    @cached_property
    def budget(self) -> Budget:
        from integrations.twentyfour.budget import Budget, Limits

        settings = self.settings
        limits = Limits(
            per_hour=settings.twentyfour_requests_per_hour,
            per_second=settings.twentyfour_requests_per_second,
            connection_percent=settings.twentyfour_connection_percent,
        )
        return Budget(self.redis, limits=limits, clock=self.clock, on_refused=self.metrics.request_refused)

    @cached_property
    def cache(self) -> SharedCache:
        from integrations.shared_cache import SharedCache

        return SharedCache(self.redis, self.vault)

    @cached_property
    def remote(self) -> RemoteSystems:
        """The access to Moment and 24SevenOffice, and the flows."""
        from worker.remote_systems import RemoteSystems

        return RemoteSystems(
            self.settings,
            database=self.database,
            redis=self.redis,
            vault=self.vault,
            connections=self.connections,
            budget=self.budget,
            cache=self.cache,
            instrumentation=self.instrumentation,
            clock=self.clock,
            monotonic=monotonic,
        )

    @property
    def runner(self) -> Runner:
        return self.remote.runner

    @property
    def moment_clock(self) -> RemoteClock:
        return self.remote.moment_clock

    @property
    def moment(self) -> Callable[[ConnectionSettings], MomentGateway]:
        return self.remote.moment

    @property
    def twentyfour_clock(self) -> RemoteClock:
        return self.remote.twentyfour_clock

    def open_context(self, connection: Connection, renew_lease: Callable[[], None]) -> SyncContext:
        return self.remote.open_context(connection, renew_lease)

    @property
    def cached_erp(self) -> Callable[[Connection], TwentyFourGateway]:
        return self.remote.cached_erp

    def erp(
        self,
        settings: ConnectionSettings,
        *,
        connection_id: int = 0,
        charged_to: int = 0,
        login_of: int | None = None,
    ) -> TwentyFourGateway:
        return self.remote.erp(settings, connection_id=connection_id, charged_to=charged_to, login_of=login_of)

    def load(self, *, remote: bool) -> None:
        """Build the parts that a process needs before it has threads; ``remote`` for a process that syncs."""
        _ = self.operations, self.intake, self.installation_metrics, self.instrumentation, self.mailer, self.openid
        _ = self.idempotency, self.receivers
        if remote:
            _ = self.remote, self.receiver_client

    def is_alive(self) -> bool:
        """Return whether beat, Redis and a worker completed a sweep recently. Raises RedisError."""
        from worker import heartbeat

        return heartbeat.is_alive(self.redis)

    def warn_about_session_settings(self) -> None:
        """Log the session settings that PostgreSQL does not apply, for example behind a pooler."""
        with suppress(DatabaseUnavailableError):
            if missing := self.database.lax_settings():
                log.warning("session_settings_missing", settings=missing)

    def record_urls(self, job: JobView) -> RecordUrls:
        from worker.record_urls import find_record_urls

        (found,) = find_record_urls(
            self.database, self.settings, [(job.connection_id, job.record)], title=job.title
        )
        return found

    def record_references(self, records: Sequence[tuple[int, Record]]) -> list[RecordUrls]:
        """Find records without names, each given with its connection's id."""
        from worker.record_urls import find_record_urls

        return find_record_urls(self.database, self.settings, records)

    def read_webhook(self, body: bytes) -> Record | None:
        from integrations.moment import webhooks

        return webhooks.read(body)

    def update_settings(
        self,
        connection_id: int,
        values: Mapping[str, object],
        *,
        actor: str,
        seen: datetime | None = None,
        client_number: int | None = None,
    ) -> Connection:
        """Change settings, and log out of a login no longer used; raises as ``Connections.update`` does."""
        before = self.connections.get_even_unreadable(connection_id)
        seen = seen or before.updated_at
        after = self.connections.update(
            connection_id, values, actor=actor, now=self.clock(), seen=seen, client_number=client_number
        )
        self.cache.for_connection(connection_id).clear()
        if after.settings.login != before.settings.login and not before.unreadable:
            with suppress(UnavailableError):  # without Redis, the session cannot be used either
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

        An operation is needed if they may open another client, unless the actor ``administers_all``, and if the
        login changes while there are links. The caller dispatches it. ``connection`` is as the actor saw it, and
        ``typed`` is the input of the form.

        Raises as ``Connections.update`` does, and LoginTriesError if secrets were entered too often: each is a
        guess.
        """
        from models.admin.operations import OperationType, saving_input

        if administers_all or not may_open_other_data(connection.settings, values):
            login_id = None
            if not SECRET_FIELDS.isdisjoint(values):
                login_id = self.operations.record_login(connection.id, values, actor=actor, now=self.clock())
            try:
                self.update_settings(connection.id, values, actor=actor, seen=connection.updated_at)
            except Exception as error:
                if login_id is not None:
                    self.operations.delete(login_id)  # it was not saved, and cannot be verified
                if not isinstance(error, LinksExistError) or error.setting == "moment_company":
                    raise
            else:
                return None
        settings = saving_input(connection, values) | dict(typed or {})
        return self.operations.request(
            OperationType.SAVING, connection.id, input_=settings, actor=actor, now=self.clock()
        )

    def erase_connection(self, connection: Connection, *, actor: str) -> Sequence[str]:
        """Erase a connection with all its data, and return the users who no longer see any connection.

        If this fails, it is paused and has a new webhook URL. Raises JobsRunningError, and UnavailableError
        without Redis.
        """
        from models.admin import erasure

        self.connections.pause(
            connection.id, msg("The connection is being erased."), actor=actor, now=self.clock()
        )
        self.connections.regenerate_token(connection.id, actor=actor, now=self.clock())
        self.budget.for_connection(connection.id).forget()
        self.erp(connection.settings).log_out()
        users = erasure.erase_connection(self.database, connection.id, actor=actor, now=self.clock())
        self.idempotency.delete_of_connection(connection.id)
        self.erp(connection.settings).log_out()  # again, because a login may have been in progress
        self.cache.for_connection(connection.id).clear()
        return users

    @property
    def can_mail_links(self) -> bool:
        """Whether users get links by mail to choose a password, which needs SMTP_URL and PUBLIC_URL.

        Only workers send mails, so web needs no SMTP_URL: SENDS_MAIL says that the workers have it.
        """
        given = self.settings.model_fields_set
        return "public_url" in given and ("smtp_url" in given or self.settings.sends_mail)

    def webhook_url(self, token: str) -> str:
        """Return the URL to enter in Moment for the webhooks of a connection."""
        return f"{self.settings.public_url}/webhooks/moment/{token}"

    @cached_property
    def sandbox(self) -> Mapping[str, str]:
        """The URL of each sandbox, by system. Real systems require TLS, so plain HTTP means a sandbox."""
        urls = {"Moment": self.settings.moment_url, "24SevenOffice": self.settings.twentyfour_api_url}
        roots = {name: urlsplit(url)._replace(path="/").geturl() for name, url in urls.items()}
        return {name: url for name, url in roots.items() if url.startswith("http://")}

    def close(self) -> None:
        parts = vars(self)
        for name in ("tracer", "database", "redis"):
            if name in parts:
                parts[name].close()


@cache
def get_container() -> Container:
    """Return the container, made before there are threads, from the environment. Raises WrongSettingsError."""
    settings = read_settings(Settings)
    try:
        return Container(settings)
    except ValueError as error:
        raise WrongSettingsError(f"A setting is invalid: {error}.") from error
