"""The cookies: for this host only, unreadable for scripts, and not sent with requests of other sites."""

from dataclasses import dataclass

from fastapi import Request, Response

from web.dependencies import container_of
from worker.container import Container


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie; ``seconds`` is how long the browser keeps it, None until it is closed."""

    name: str
    seconds: int | None = None

    def full_name(self, *, https: bool) -> str:
        """Return the name as it is sent: with https, the prefix prevents other hosts from setting it."""
        return f"__Host-{self.name}" if https else self.name

    def read(self, request: Request) -> str:
        return request.cookies.get(self.full_name(https=is_https(container_of(request))), "")

    def write(self, request: Request, response: Response, value: str) -> None:
        https = is_https(container_of(request))
        name = self.full_name(https=https)
        response.set_cookie(name, value, max_age=self.seconds, secure=https, httponly=True, samesite="lax")

    def clear(self, request: Request, response: Response) -> None:
        https = is_https(container_of(request))
        response.delete_cookie(self.full_name(https=https), secure=https, httponly=True, samesite="lax")


def is_https(container: Container) -> bool:
    """Return whether this installation uses https, as all do except on a developer's machine."""
    return container.settings.public_url.startswith("https:")


SESSION = Cookie("session")
SIGN_IN = Cookie("signing-in")
"""Proves that the sign-in form is ours, before there is a session."""
DEVICE = Cookie("device", seconds=365 * 24 * 3600)
"""Identifies a browser that a user has signed in from."""
OPENID = Cookie("openid", seconds=600)
"""Holds the state of a sign-in while the user is at their OpenID provider."""
