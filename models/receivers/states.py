"""The states of a delivery, and the reasons for disabling a receiver."""

from datetime import timedelta
from enum import StrEnum


class DeliveryState(StrEnum):
    """A delivery is pending, delivered, or given up: after the last attempt, or when its receiver was disabled."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryProblem(StrEnum):
    """Why an attempt got no readable response, or was not made.

    It is not made if the secret cannot be decrypted, or if the receiver no longer wants the event.
    """

    TIMEOUT = "timeout"
    NO_CONNECTION = "no_connection"
    PRIVATE_ADDRESS = "private_address"
    TLS = "tls"
    UNREADABLE = "unreadable"
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 - the name of a problem
    NOT_WANTED = "not_wanted"


class DisabledBecause(StrEnum):
    """A person disabled it, it answered 410 Gone, or no delivery succeeded for :data:`DISABLED_AFTER`."""

    BY_HAND = "by_hand"
    GONE = "gone"
    FAILING = "failing"


DISABLED_AFTER = timedelta(days=5)
