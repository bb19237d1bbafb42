"""Free ports on this machine, where the usual ones are taken."""

import secrets
import socket
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

# Below the ports that systems give to outgoing connections, which could take one before its server does.
LOWEST, HIGHEST = 20000, 32000


def free_ports(*wishes: int) -> list[int]:
    """Find a port of 127.0.0.1 for each wish: the wished one where it is free, else any; 0 is no wish."""
    with ExitStack() as held:
        return [_hold(held, wish) for wish in wishes]


def answers(address: str) -> bool:
    """Tell whether anyone listens at an address of this machine."""
    parts = urlsplit(address)
    with suppress(OSError), socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5):
        return True
    return False


def _hold(held: ExitStack, wish: int) -> int:
    port = wish
    while True:
        with suppress(OSError):
            trial = held.enter_context(socket.socket())
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if port:
                trial.bind(("127.0.0.1", port))
                trial.listen()  # or the next wish could be bound to it as well
                return port
        port = LOWEST + secrets.randbelow(HIGHEST - LOWEST)
