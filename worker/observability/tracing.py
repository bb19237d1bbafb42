"""Traces from webhook to voucher, sent by OTLP if an endpoint is set.

A wake-up is for many jobs, so the span in which a record was received is stored in Redis, and linked to its job's.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeAlias

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from redis import Redis
from redis.exceptions import RedisError

from models.enums import Record

Fields: TypeAlias = "dict[str, str | int | list[int]]"

TTL_SECONDS = 24 * 3600

_PARENT = "traceparent"
_BILLION = 1_000_000_000


class Tracer:
    """Sends spans to ``endpoint`` (without ``/v1/traces``), by OpenTelemetry's variables, or nothing."""

    def __init__(self, endpoint: str, redis: Redis) -> None:
        self._enabled = bool(endpoint)
        self._closing = ExitStack()
        provider = _provider(endpoint, self._closing) if endpoint else trace.NoOpTracerProvider()
        self._tracer = provider.get_tracer("moment24")
        self._headers = TraceContextTextMapPropagator()
        self._redis = redis

    def remember(self, connection_id: int, record: Record) -> None:
        """Store the present span for the spans of the record's job; not while Redis is down."""
        if not self._enabled:
            return
        trace.get_current_span().set_attributes(
            {"connection": connection_id, "entity_type": str(record.entity_type), "record": record.id}
        )
        with suppress(RedisError):
            self._redis.set(_key(connection_id, record), self.headers()[_PARENT], ex=TTL_SECONDS)

    @contextmanager
    def span(
        self,
        name: str,
        fields: Fields,
        *,
        of: Iterable[tuple[int, Record]] = (),
        after: Mapping[str, str] | None = None,
    ) -> Iterator[None]:
        """Open a span below the span ``after``, linked to the spans that received the records it is ``of``."""
        context = self._headers.extract(dict(after)) if after else None
        links = self._links(list(of))
        with self._tracer.start_as_current_span(name, context=context, attributes=fields, links=links):
            yield

    def headers(self) -> dict[str, str]:
        """Return the headers that pass the present span to the receiver of a message."""
        headers: dict[str, str] = {}
        self._headers.inject(headers)
        return headers

    def event(self, name: str, fields: Fields) -> None:
        trace.get_current_span().add_event(name, fields)

    def call_span(self, name: str, *, status: str, seconds: float) -> None:
        ended = time.time_ns()
        span = self._tracer.start_span(
            name,
            kind=trace.SpanKind.CLIENT,
            start_time=ended - int(seconds * _BILLION),
            attributes={"status": status},
        )
        span.end(ended)

    def close(self) -> None:
        self._closing.close()

    def _links(self, of: list[tuple[int, Record]]) -> list[trace.Link]:
        if not (of and self._enabled):
            return []
        try:
            remembered = self._redis.mget([_key(*each) for each in of])
        except RedisError:
            return []
        parents = (each.decode() for each in remembered if isinstance(each, bytes))
        spans = [trace.get_current_span(self._headers.extract({_PARENT: parent})) for parent in parents]
        return [trace.Link(span.get_span_context()) for span in spans]


def _provider(endpoint: str, closing: ExitStack) -> trace.TracerProvider:
    """Return the provider that exports spans; it is imported only if there is an endpoint."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - see above
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415 - see above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - see above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - see above

    resource = Resource({"service.name": "moment24"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    closing.callback(provider.shutdown)
    return provider


def _key(connection_id: int, record: Record) -> str:
    return f"trace:{connection_id}:{record.entity_type}:{record.id}"
