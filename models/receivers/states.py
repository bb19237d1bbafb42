"""How a delivery stands, and why a receiver gets nothing any more."""

from datetime import timedelta
from enum import StrEnum


class DeliveryState(StrEnum):
    """Waits for its next attempt, was taken, or was given up: after the last attempt, or with its receiver."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryProblem(StrEnum):
    """Why an attempt got no answer that can be read, or was not made.

    That is where the secret cannot be opened, or where a changed receiver is not for the event any more.
    """

    TIMEOUT = "timeout"
    NO_CONNECTION = "no_connection"
    PRIVATE_ADDRESS = "private_address"
    TLS = "tls"
    UNREADABLE = "unreadable"
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 - the name of a problem
    NOT_WANTED = "not_wanted"


class DisabledBecause(StrEnum):
    """A person has said so, it answered 410 Gone, or no delivery succeeded for :data:`DISABLED_AFTER`."""

    BY_HAND = "by_hand"
    GONE = "gone"
    FAILING = "failing"


DISABLED_AFTER = timedelta(days=5)
