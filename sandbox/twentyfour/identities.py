"""The Authenticate service: letting logins in, and telling which clients they reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.twentyfour.soap import SoapFault
from sandbox.twentyfour.visits import needed

if TYPE_CHECKING:
    from sandbox.twentyfour.books import Fields, Identity, Login
    from sandbox.twentyfour.visits import Visit


def login(visit: Visit, request: Fields) -> str:
    """Start a session; an empty answer is how a wrong user name or password is refused."""
    found = _checked(visit, needed(request, "credential"))
    if found is None:
        return ""
    identity = _chosen(found, request["credential"].get("IdentityId"))
    if found.blocked or identity.disabled:
        raise SoapFault("The login failed. ---> The provided IdentityId is blocked or disabled")
    visit.session_id = visit.sessions.start(found, identity, now=visit.now)
    return visit.session_id


def has_session(visit: Visit, _request: Fields) -> bool:
    """Tell whether the call came with a good session."""
    return visit.session is not None


def get_identities_with_credential(visit: Visit, request: Fields) -> list[Fields]:
    """List the clients that a login reaches; none where its user name or password is wrong."""
    found = _checked(visit, needed(request, "credential"))
    return [_shown(visit, identity, found.username) for identity in found.identities] if found else []


def _checked(visit: Visit, credential: Fields) -> Login | None:
    found = visit.books.logins.get(credential.get("Username", ""))
    return found if found and found.password == credential.get("Password") else None


def _chosen(found: Login, identity_id: str | None) -> Identity:
    for identity in found.identities:
        if identity.default if identity_id is None else identity.id == identity_id.lower():
            return identity
    raise SoapFault("The login failed. ---> The provided IdentityId does not belong to the user")


def _shown(visit: Visit, identity: Identity, username: str) -> Fields:
    return {
        "Id": identity.id,
        "User": {"Name": username},
        "Client": {"Id": identity.client, "Name": visit.books.clients[identity.client].name},
        "IsCurrent": False,
        "IsDefault": identity.default,
        "IsProtected": False,
        "IsDisabled": identity.disabled,
    }
