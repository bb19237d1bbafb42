"""Account numbers as users write them: single numbers and ranges, comma separated ("4000, 4300-4399, 6590").

The accounts of expenses are the setting ``expense_accounts`` in :mod:`models.connections.settings`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from i18n.messages import msg

MAX_ACCOUNT_NUMBER = 32767
"""24SevenOffice stores account numbers as a short."""

_PART = re.compile(r"(\d{1,5})(?:\s*[-\u2013]\s*(\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class AccountRanges:
    """Sorted ranges of account numbers that do not touch each other; ``4300 in ranges`` tests a number."""

    intervals: tuple[range, ...]

    @classmethod
    def parse(cls, text: str) -> AccountRanges:
        """Parse the text of a user. Raises ``ValueError``, which names the invalid part."""
        parts = [part.strip() for part in text.split(",") if part.strip()]
        merged: list[range] = []
        for each in sorted(map(_interval, parts), key=lambda interval: interval.start):
            if merged and each.start <= merged[-1].stop:
                merged[-1] = range(merged[-1].start, max(merged[-1].stop, each.stop))
            else:
                merged.append(each)
        return cls(tuple(merged))

    def __contains__(self, account: object) -> bool:
        return any(account in interval for interval in self.intervals)

    def __str__(self) -> str:
        return ", ".join(str(r.start) if len(r) == 1 else f"{r.start}-{r.stop - 1}" for r in self.intervals)


def _interval(part: str) -> range:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(msg("“{part}” is neither an account nor a range like 4300-4399.", part=part))
    first, last = int(match[1]), int(match[2] or match[1])
    if not 1 <= first <= last <= MAX_ACCOUNT_NUMBER:
        raise ValueError(
            msg("“{part}” must be an ascending range within 1–{highest}.", part=part, highest=MAX_ACCOUNT_NUMBER)
        )
    return range(first, last + 1)
