"""The rate limits of 24SevenOffice, shared by all callers."""

from collections import deque
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from sandbox.twentyfour.soap import SoapFaultError


class TooManyRequestsError(Exception):
    """There were more requests within a second than are accepted."""


class Allowance(BaseModel):
    """The accepted number of requests, and the maximum size of a request or response; IIS' default is 4 MB."""

    per_hour: int = Field(default=7200, ge=0)
    per_second: int = Field(default=25, ge=0)
    max_request_kb: int = Field(default=4096, ge=1)


class Limits:
    def __init__(self) -> None:
        self.allowance = Allowance()
        self._hour: datetime | None = None
        self._used = 0
        self._recent: deque[datetime] = deque()

    def spend(self, now: datetime) -> None:
        """Count a request.

        Raises:
            TooManyRequestsError: too many within a second.
            SoapFaultError: too many within the hour; the quarantine ends with it.
        """
        self._spend_second(now)
        hour = now.replace(minute=0, second=0, microsecond=0)
        if hour != self._hour:
            self._hour, self._used = hour, 0
        self._used += 1
        over = self._used - self.allowance.per_hour
        if over > 0:
            raise SoapFaultError(f"Limit exceeded by {over}. Request is blocked. Quarantine ends at {_reset(now)}")

    def _spend_second(self, now: datetime) -> None:
        while self._recent and now - self._recent[0] >= timedelta(seconds=1):
            self._recent.popleft()
        if len(self._recent) >= self.allowance.per_second:
            raise TooManyRequestsError
        self._recent.append(now)

    def headers(self, now: datetime) -> dict[str, str]:
        """Return the headers with what is left, which every response has."""
        return {
            "APILimitRemaining": str(max(0, self.allowance.per_hour - self._used)),
            "APILimitReset": _reset(now),
        }


def _reset(now: datetime) -> str:
    hour = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return hour.strftime("%Y-%m-%dT%H:%M:%SZ")
