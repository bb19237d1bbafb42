"""What is said of one reason."""

from dataclasses import dataclass

from i18n.messages import Message


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A reason for a bookkeeper: its ``title``, where it comes from, and what to do about it."""

    title: Message
    cause: Message
    remedy: Message
