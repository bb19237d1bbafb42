"""The explanation of an error code."""

from dataclasses import dataclass

from i18n.messages import Message


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """An error code for a bookkeeper: its ``title``, its cause, and what to do about it."""

    title: Message
    cause: Message
    remedy: Message
