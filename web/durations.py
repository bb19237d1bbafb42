"""How long something took, in the largest unit that a person would use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from language.said import say

if TYPE_CHECKING:
    from language.said import Said

MINUTE, HOUR, DAY = 60, 3600, 86400


def duration(seconds: float) -> Said:
    """Say a number of seconds, rounded to two of its unit at least."""
    if seconds < 2:  # noqa: PLR2004 - see above
        return say("{number} ms", number=round(seconds * 1000))
    if seconds < 2 * MINUTE:
        return say("{number} s", number=round(seconds))
    if seconds < 2 * HOUR:
        return say("{number} min", number=round(seconds / MINUTE))
    if seconds < 2 * DAY:
        return say("{number} h", number=round(seconds / HOUR))
    return say("{number} days", number=round(seconds / DAY))
