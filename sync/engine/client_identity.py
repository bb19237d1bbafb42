"""Chooses the ERP client that a login opens, and checks that it is the connection's own."""

from collections.abc import Sequence

from i18n.messages import msg
from models.connections.repository import (
    ClientTakenError,
    Connections,
    OtherClientError,
    UnknownConnectionError,
)
from models.connections.settings import ConnectionSettings
from sync.error_codes.names import CLIENT_TAKEN, IDENTITY, IDENTITY_BLOCKED, LOGIN_REFUSED, OTHER_CLIENT
from sync.errors import MisconfiguredError
from sync.records import Identity


def choose_identity(identities: Sequence[Identity], chosen: str) -> Identity:
    """Return the client with this id, or the only usable one. Raises MisconfiguredError, naming no client."""
    usable = [identity for identity in identities if identity.usable]
    if chosen:
        found = next((each for each in identities if each.id.lower() == chosen.lower()), None)
    else:
        found = usable[0] if len(usable) == 1 else None
    if found and found.usable:
        return found
    if found:
        raise MisconfiguredError(
            msg("The sign-in is blocked for the chosen client in 24SevenOffice."),
            error_code=IDENTITY_BLOCKED,
        )
    if not identities:  # every user has at least one, so this is the response to a wrong password
        raise MisconfiguredError(
            msg("24SevenOffice rejected the user name or password."),
            error_code=LOGIN_REFUSED,
        )
    if not usable:
        raise MisconfiguredError(
            msg("The user has no access to any usable client in 24SevenOffice."),
            error_code=IDENTITY_BLOCKED,
            remedy=msg("Give the user access to the client in 24SevenOffice, or use another user."),
        )
    number = len(usable)
    raise MisconfiguredError(
        msg(
            "The user has no access to the selected client. Available clients in 24SevenOffice: {number}.",
            number=number,
        )
        if chosen
        else msg("The user has access to {number} clients in 24SevenOffice, and none is selected.", number=number),
        error_code=IDENTITY,
    )


def verify_client(
    connections: Connections, connection_id: int, settings: ConnectionSettings, client_number: int
) -> None:
    """Check that a login reaches the connection's client, or save it if new. Raises MisconfiguredError."""
    try:
        connections.save_client(connection_id, settings, client_number)
    except OtherClientError as error:
        raise MisconfiguredError(
            msg(
                "The user name and password now lead to a different 24SevenOffice client than before, so "
                "nothing was done there."
            ),
            error_code=OTHER_CLIENT,
        ) from error
    except ClientTakenError as error:
        raise MisconfiguredError(
            msg("Another connection uses this 24SevenOffice client, so nothing was done there."),
            error_code=CLIENT_TAKEN,
        ) from error
    except UnknownConnectionError:
        return  # erased meanwhile
