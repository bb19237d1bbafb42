"""The wait that a response asks for, in seconds or until a date (RFC 9110, 10.2.3)."""

import re
from collections.abc import Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]{1,9}")


def wait_asked_for(headers: Mapping[str, str]) -> timedelta | None:
    """Return the wait that a response asks for; a date counts from the response's own date, as clocks differ."""
    retry_after = headers.get("Retry-After", "").strip()
    if _SECONDS.fullmatch(retry_after):
        return timedelta(seconds=int(retry_after))
    try:
        return max(timedelta(0), parsedate_to_datetime(retry_after) - parsedate_to_datetime(headers["Date"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
