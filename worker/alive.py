"""The health check of the containers: ``python -S -m worker.alive`` fails unless there is a heartbeat in Redis.

It runs twice a minute beside each process, so it imports only the standard library. ``--here`` checks only the
worker on this host, not Redis. :mod:`worker.heartbeat` records the heartbeats.
"""

import os
import socket
import sys
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

SWEEP_KEY = "heartbeat"
"""The Redis key of the heartbeat that needs beat, Redis and a worker."""

NO_SWEEP = "There has been no sweep within the last minute."
SILENT = "The worker on this host does not respond."

TIMEOUT_SECONDS = 2
"""Timeout of each step."""


def worker_key() -> str:
    """Return the Redis key of the worker on this host."""
    return f"worker:{socket.gethostname()}"


def key_exists(redis_url: str, key: str) -> bool:
    """Return whether a key is in Redis. Raises OSError if Redis cannot be reached."""
    url = urlsplit(redis_url)
    commands = [["EXISTS", key]]
    if url.path.strip("/0"):
        commands.insert(0, ["SELECT", url.path.strip("/")])
    if url.password:
        commands.insert(0, ["AUTH", *(unquote(each) for each in (url.username, url.password) if each)])
    with _connect(url) as connection, connection.makefile("rb") as replies:
        for command in commands:
            connection.sendall(_encode_command(command))
            reply = replies.readline()
            if reply[:1] not in {b"+", b":"}:
                raise OSError(reply.decode(errors="replace").strip() or "no response")
    return reply == b":1\r\n"


def _connect(url: SplitResult) -> socket.socket:
    host, options = url.hostname or "localhost", dict(parse_qsl(url.query))
    connection = socket.create_connection((host, url.port or 6379), timeout=TIMEOUT_SECONDS)
    return _wrap_in_tls(connection, host, options) if url.scheme == "rediss" else connection


def _wrap_in_tls(connection: socket.socket, host: str, options: Mapping[str, str]) -> socket.socket:
    """Wrap a socket in TLS, with the options of redis-py's URLs."""
    import ssl  # noqa: PLC0415 - only needed here

    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"), capath=options.get("ssl_ca_path"))
    context.check_hostname = options.get("ssl_check_hostname", "true").lower() in {"true", "yes", "1"}
    if options.get("ssl_cert_reqs") == "none":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if "ssl_certfile" in options:
        context.load_cert_chain(options["ssl_certfile"], options.get("ssl_keyfile"))
    return context.wrap_socket(connection, server_hostname=host)


def _encode_command(words: Sequence[str]) -> bytes:
    encoded = b"*%d\r\n" % len(words)
    for word in words:
        encoded += b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode())
    return encoded


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return what is wrong, "" if nothing is."""
    here = "--here" in arguments
    try:
        found = key_exists(environ["REDIS_URL"], worker_key() if here else SWEEP_KEY)
    except OSError as error:
        return "" if here else f"Redis cannot be reached: {error}"
    if found:
        return ""
    return SILENT if here else NO_SWEEP


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ) or None)
