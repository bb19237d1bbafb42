"""A guard against silent hosts: one or two calls test whether a host responds again, and other calls are not made.

A call without a response occupies its thread until the timeout, and a connection detects an outage by its own
calls. Without this guard, all connections would wait one after another for a host that hangs, and their alerts
would be late.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import urlsplit

import requests
import structlog

from integrations.transport import OversizedResponseError, was_sent

log = structlog.get_logger()

SILENT_CALLERS = 3
"""Connections in a row without a response from a host, after which it counts as silent."""

LOOK_SECONDS = 5
"""How often a read tests whether a silent host responds, and how long it waits for the response."""

Timeout = tuple[float, float]
"""Seconds for connecting to a host, and for a call as a whole."""


class HostSilentError(Exception):
    """A call was not made, because its host responds to no connection at the moment."""


@dataclass(slots=True)
class _Host:
    """The state of a host; times are monotonic. ``trying``: a call with the full timeout is under way."""

    responded_at: float = 0
    silent_callers: set[str] = field(default_factory=set)
    trying: bool = False
    next_look_at: float = 0

    @property
    def is_silent(self) -> bool:
        return len(self.silent_callers) >= SILENT_CALLERS


class HostGuard:
    """The state of a remote system's hosts in this process; shared by its threads."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._hosts: dict[str, _Host] = {}
        self._lock = Lock()

    @contextmanager
    def call(self, url: str, *, caller: str, writes: bool, timeout: Timeout) -> Iterator[Timeout]:
        """Yield the timeout for a call, and record whether the host responded.

        ``caller`` names the connection. A silent host gets one call at a time with the full timeout, in case it
        is only slow. In addition, a read with a short timeout is allowed every few seconds. All other calls raise
        HostSilentError before anything is sent.
        """
        name, began = urlsplit(url).netloc, self._monotonic()
        with self._lock:
            host = self._hosts.setdefault(name, _Host())
            is_full, seconds = self._admit(host, writes=writes, timeout=timeout, now=began)
        try:
            yield seconds
        except requests.RequestException as error:
            if isinstance(error, requests.Timeout) or not was_sent(error):
                self._record_silence(name, caller, began=began)
            raise
        except OversizedResponseError:
            self._record_response(name)
            raise
        else:
            self._record_response(name)
        finally:
            if is_full:
                host.trying = False

    def _admit(self, host: _Host, *, writes: bool, timeout: Timeout, now: float) -> tuple[bool, Timeout]:
        """Return whether a call is a silent host's one call with the full timeout, and its timeout."""
        if not host.is_silent:
            return False, timeout
        if not host.trying:
            host.trying = True
            return True, timeout
        if writes or now < host.next_look_at:
            raise HostSilentError
        host.next_look_at = now + LOOK_SECONDS
        return False, (min(timeout[0], LOOK_SECONDS), min(timeout[1], LOOK_SECONDS))

    def _record_silence(self, name: str, caller: str, *, began: float) -> None:
        """Record a call without a response, unless the host has responded to another call since it began."""
        with self._lock:
            host = self._hosts[name]
            if began < host.responded_at or host.is_silent:
                return
            host.silent_callers.add(caller)
            if host.is_silent:
                log.warning("host_silent", host=name)

    def _record_response(self, name: str) -> None:
        with self._lock:
            host = self._hosts[name]
            was_silent, host.responded_at = host.is_silent, self._monotonic()
            host.silent_callers.clear()
        if was_silent:
            log.info("host_answers", host=name)
