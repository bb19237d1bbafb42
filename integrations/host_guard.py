"""Which hosts answer no connection: a call or two find out whether they do again, and the others are not made.

A call that gets no answer holds its thread until the time-out. A connection notices an outage by its own calls, so
where a host hangs for all of them they would wait one after another, and the mails about it come as late.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import urlsplit

import requests
import structlog

from integrations.transport import OversizedAnswerError, was_sent

log = structlog.get_logger()

SILENT_CALLERS = 3
"""Connections that got no answer from a host, with no answer of it to any in between, after which it is silent."""

LOOK_SECONDS = 5
"""How often a read looks whether a silent host answers, and how long it waits for that."""

Timeout = tuple[float, float]
"""Seconds for reaching a host, and for a call as a whole."""


class HostSilentError(Exception):
    """A call was not made, as its host answers no connection at the moment."""


@dataclass(slots=True)
class _Host:
    """What is known of a host; times are monotonic. ``trying``: a call with its whole time is under way."""

    answered_at: float = 0
    unanswered: set[str] = field(default_factory=set)
    trying: bool = False
    next_look_at: float = 0

    @property
    def is_silent(self) -> bool:
        return len(self.unanswered) >= SILENT_CALLERS


class HostGuard:
    """What a process knows of the hosts of a remote system, shared by its threads."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._hosts: dict[str, _Host] = {}
        self._lock = Lock()

    @contextmanager
    def call(self, url: str, *, caller: str, writes: bool, timeout: Timeout) -> Iterator[Timeout]:
        """Give the time-out that a call is to be made with, and note whether the host answered.

        ``caller`` names the connection. A silent host gets one call at a time with its whole time-out, so that one
        that is only slow is found to answer, and beside it a read every few seconds that waits no longer than so.
        Raises HostSilentError for all others, before anything is sent.
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
        except OversizedAnswerError:
            self._note_answer(name)
            raise
        else:
            self._note_answer(name)
        finally:
            if whole:
                host.trying = False

    def _admit(self, host: _Host, *, writes: bool, timeout: Timeout, now: float) -> tuple[bool, Timeout]:
        """Return whether a call is the one with its whole time-out at a silent host, and its time-out."""
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
        """Note a call without an answer, unless the host has answered another one since that began."""
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
