"""The states of a delivery, and the reasons for disabling a receiver."""

from datetime import timedelta
from enum import StrEnum


class DeliveryState(StrEnum):
    """The state of a delivery. `failed` ones are not retried: all attempts failed, or the receiver is disabled."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DeliveryProblem(StrEnum):
    """The reason why an attempt got no readable response, or was not made.

    `private_address`: the host name resolves to a non-public address. `secret_unreadable`: the secret cannot be
    decrypted. `not_wanted`: the receiver no longer subscribes to the event.
    """

    TIMEOUT = "timeout"
    NO_CONNECTION = "no_connection"
    PRIVATE_ADDRESS = "private_address"
    TLS = "tls"
    UNREADABLE = "unreadable"
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 - the name of a problem
    NOT_WANTED = "not_wanted"


class DisabledBecause(StrEnum):
    """The reason why a receiver is disabled.

    `by_hand`: a person disabled it. `gone`: it responded with 410 Gone. `failing`: all deliveries failed for five
    days. `restored`: the database was restored from a backup, which may have receivers that were removed since.
    """

    BY_HAND = "by_hand"
    GONE = "gone"
    FAILING = "failing"
    RESTORED = "restored"


DISABLED_AFTER = timedelta(days=5)
