"""The check that a connection works in its own client of the ERP, and in no other connection's."""

from i18n.messages import msg
from models.connections.repository import (
    ClientTakenError,
    Connections,
    OtherClientError,
    UnknownConnectionError,
)
from models.connections.settings import ConnectionSettings
from sync.errors import MisconfiguredError


def verify_client(
    connections: Connections, connection_id: int, settings: ConnectionSettings, client_number: int
) -> None:
    """Check that a login reaches the connection's client; a connection without one gets this client.

    Raises:
        MisconfiguredError: it is another client than the connection's, or another connection has it.
    """
    try:
        connections.save_client(connection_id, settings, client_number)
    except OtherClientError as error:
        raise MisconfiguredError(
            msg(
                "The user name and password now lead to a different 24SevenOffice client than before, so "
                "nothing was done there."
            ),
            error_code="other_client",
            remedy=msg(
                "Enter credentials for the previous client in the connection's settings. If the new client is "
                "correct, your system administrator must first set the links aside."
            ),
        ) from error
    except ClientTakenError as error:
        raise MisconfiguredError(
            msg("Another connection uses this 24SevenOffice client, so nothing was done there."),
            error_code="client_taken",
            remedy=msg(
                "Enter credentials for another client, or ask your system administrator which connection to keep."
            ),
        ) from error
    except UnknownConnectionError:
        return  # erased meanwhile
