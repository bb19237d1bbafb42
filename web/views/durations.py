"""How long something took, in the largest unit that a person would use."""

from i18n.messages import Message, msg

MINUTE, HOUR, DAY = 60, 3600, 86400


def duration(seconds: float) -> Message:
    """Say a number of seconds, rounded to two of its unit at least."""
    if seconds < 2:  # noqa: PLR2004 - see above
        return msg("{number} ms", number=round(seconds * 1000))
    if seconds < 2 * MINUTE:
        return msg("{number} s", number=round(seconds))
    if seconds < 2 * HOUR:
        return msg("{number} min", number=round(seconds / MINUTE))
    if seconds < 2 * DAY:
        return msg("{number} h", number=round(seconds / HOUR))
    return msg("{number} days", number=round(seconds / DAY))
