"""The Authenticate service: logging in, and the clients of a login."""

from sandbox.twentyfour.sessions import ServiceCall, needed
from sandbox.twentyfour.soap import SoapFaultError
from sandbox.twentyfour.state import Fields, Identity, Login


def login(call: ServiceCall, request: Fields) -> str:
    """Start a session; a wrong user name or password is refused with an empty response."""
    found = _checked(call, needed(request, "credential"))
    if found is None:
        return ""
    identity = _chosen(found, request["credential"].get("IdentityId"))
    if found.blocked or identity.disabled:
        raise SoapFaultError("The login failed. ---> The provided IdentityId is blocked or disabled")
    call.session_id = call.sessions.start(found, identity, now=call.now)
    return call.session_id


def has_session(call: ServiceCall, _request: Fields) -> bool:
    """Return whether the call came with a valid session."""
    return call.session is not None


def get_identities_with_credential(call: ServiceCall, request: Fields) -> list[Fields]:
    """List the clients that a login reaches; none if its user name or password is wrong."""
    found = _checked(call, needed(request, "credential"))
    return [_shown(call, identity, found.username) for identity in found.identities] if found else []


def _checked(call: ServiceCall, credential: Fields) -> Login | None:
    found = call.state.logins.get(credential.get("Username", ""))
    return found if found and found.password == credential.get("Password") else None


def _chosen(found: Login, identity_id: str | None) -> Identity:
    for identity in found.identities:
        if identity.default if identity_id is None else identity.id == identity_id.lower():
            return identity
    raise SoapFaultError("The login failed. ---> The provided IdentityId does not belong to the user")


def _shown(call: ServiceCall, identity: Identity, username: str) -> Fields:
    return {
        "Id": identity.id,
        "User": {"Name": username},
        "Client": {"Id": identity.client, "Name": call.state.clients[identity.client].name},
        "IsCurrent": False,
        "IsDefault": identity.default,
        "IsProtected": False,
        "IsDisabled": identity.disabled,
    }
