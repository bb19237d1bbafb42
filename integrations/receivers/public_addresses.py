"""Connections to public addresses only: a receiver's name must not lead to our own network.

The name is resolved once, and the connection is made to an address that was checked, not to one resolved later.
"""

import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

from requests import PreparedRequest
from requests.utils import select_proxy
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util import parse_url

from integrations.transport import BoundedAdapter

NAT64 = IPv6Network("64:ff9b::/96")
"""Prefixes whose addresses a gateway translates to the IPv4 address in the last 32 bits (RFC 6052)."""

MAX_ADDRESSES = 4
"""Addresses that are tried for a host name."""


class PrivateAddressError(Exception):
    """A host name resolves to an address that is not public."""


def is_public(address: str) -> bool:
    """Return whether an address, as getaddrinfo writes it, is a public unicast address."""
    ip: IPv4Address | IPv6Address = ip_address(address)
    if isinstance(ip, IPv6Address):
        if ip.is_site_local:  # the predecessor of fc00::/7
            return False
        embedded = ip.ipv4_mapped or ip.sixtofour
        if ip in NAT64:
            embedded = IPv4Address(int(ip) & 0xFFFFFFFF)
        ip = embedded or ip
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def public_addresses(host: str, port: int) -> list[str]:
    """Resolve a name. Raises PrivateAddressError if any of its addresses is not public, and OSError."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    if not all(map(is_public, addresses)):
        raise PrivateAddressError(host)
    return addresses[:MAX_ADDRESSES]


class PublicAdapter(BoundedAdapter):
    """Sends requests to public addresses only; a proxy must have a public address, too.

    A proxy resolves names itself, so a name is refused only if it is not public here.
    """

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: Any,  # noqa: ANN401 - requests' signature
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,  # noqa: ANN401 - requests' signature
    ) -> Any:  # noqa: ANN401 - requests' signature
        """Raises PrivateAddressError."""
        url = request.url or ""
        if select_proxy(url, proxies):
            target = parse_url(url)
            with suppress(OSError, UnicodeError):
                public_addresses((target.host or "").rstrip("."), target.port or 0)
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
        pool.ConnectionCls = _public(pool.ConnectionCls)
        return pool


class _PublicConnection:
    """A mixin for connection classes, which connects to an address that it has checked."""

    def _new_conn(self: Any) -> socket.socket:
        host = self.host
        try:
            addresses = public_addresses(host, self.port)
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, f"{host} cannot be resolved: {error}") from error
        try:
            for number, address in enumerate(addresses, start=1):
                self.host = address  # TLS needs the name: it is restored before the handshake
                try:
                    sock: socket.socket = super()._new_conn()  # type: ignore[misc]  # of the class it is put before
                except (NewConnectionError, ConnectTimeoutError):
                    if number == len(addresses):
                        raise
                else:
                    return sock
        finally:
            self.host = host
        raise NewConnectionError(self, f"{host} has no address")


@cache
def _public(connection_class: type) -> Any:  # noqa: ANN401 - urllib3's type
    if issubclass(connection_class, _PublicConnection):
        return connection_class
    return type(connection_class.__name__, (_PublicConnection, connection_class), {})
