"""A guard against silent hosts: a call or two test whether a host answers again, and other calls are not made.

A call without a response holds its thread until the time-out. A connection detects an outage by its own calls.
Without this guard, if a host hangs, all connections would wait one after another and their alerts would be late.
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
"""How often a read tests whether a silent host answers, and how long it waits for that."""

Timeout = tuple[float, float]
"""Seconds for connecting to a host, and for a call as a whole."""


class HostSilentError(Exception):
    """A call was not made, as its host answers no connection at the moment."""


@dataclass(slots=True)
class _Host:
    """The state of a host; times are monotonic. ``trying``: a call with the full time-out is under way."""

    answered_at: float = 0
    unanswered: set[str] = field(default_factory=set)
    trying: bool = False
    next_look_at: float = 0

    @property
    def is_silent(self) -> bool:
        return len(self.unanswered) >= SILENT_CALLERS


class HostGuard:
    """What a process knows of the hosts of a remote system; shared by its threads."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._hosts: dict[str, _Host] = {}
        self._lock = Lock()

    @contextmanager
    def call(self, url: str, *, caller: str, writes: bool, timeout: Timeout) -> Iterator[Timeout]:
        """Yield the time-out for a call, and note whether the host answered.

        ``caller`` names the connection. A silent host gets one call at a time with the full time-out, so that a
        slow one is found to answer. Beside it, every few seconds a read with a short time-out is allowed. All
        others raise HostSilentError before anything is sent.
        """
        name, began = urlsplit(url).netloc, self._monotonic()
        with self._lock:
            host = self._hosts.setdefault(name, _Host())
            whole, seconds = self._admit(host, writes=writes, timeout=timeout, now=began)
        try:
            yield seconds
        except requests.RequestException as error:
            if isinstance(error, requests.Timeout) or not was_sent(error):
                self._note_silence(name, caller, began=began)
            raise
        except OversizedResponseError:
            self._note_answer(name)
            raise
        else:
            self._note_answer(name)
        finally:
            if whole:
                host.trying = False

    def _admit(self, host: _Host, *, writes: bool, timeout: Timeout, now: float) -> tuple[bool, Timeout]:
        """Return whether a call is the one with the full time-out at a silent host, and its time-out."""
        if not host.is_silent:
            return False, timeout
        if not host.trying:
            host.trying = True
            return True, timeout
        if writes or now < host.next_look_at:
            raise HostSilentError
        host.next_look_at = now + LOOK_SECONDS
        return False, (min(timeout[0], LOOK_SECONDS), min(timeout[1], LOOK_SECONDS))

    def _note_silence(self, name: str, caller: str, *, began: float) -> None:
        """Note a call without a response, unless the host has answered another one since that began."""
        with self._lock:
            host = self._hosts[name]
            if began < host.answered_at or host.is_silent:
                return
            host.unanswered.add(caller)
            if host.is_silent:
                log.warning("host_silent", host=name)

    def _note_answer(self, name: str) -> None:
        with self._lock:
            host = self._hosts[name]
            was_silent, host.answered_at = host.is_silent, self._monotonic()
            host.unanswered.clear()
        if was_silent:
            log.info("host_answers", host=name)
