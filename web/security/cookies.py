"""The cookies: for this address only, out of reach of scripts, and not sent along by what other sites post."""

from dataclasses import dataclass

from fastapi import Request, Response

from worker.container import get_container


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie; ``seconds`` is how long the browser keeps it, None until it is closed."""

    name: str
    seconds: int | None = None

    @property
    def full_name(self) -> str:
        """The name as it is sent: over https with the prefix that keeps other hosts from setting it."""
        return f"__Host-{self.name}" if https() else self.name

    def read(self, request: Request) -> str:
        """Tell what the browser sent, "" for nothing."""
        return request.cookies.get(self.full_name, "")

    def write(self, response: Response, value: str) -> None:
        """Have the browser keep a value."""
        response.set_cookie(
            self.full_name, value, max_age=self.seconds, path="/", secure=https(), httponly=True, samesite="lax"
        )

    def clear(self, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(self.full_name, path="/", secure=https(), httponly=True, samesite="lax")


def https() -> bool:
    """Tell whether this installation is reached over https; only on one's own machine it is not."""
    return get_container().settings.public_url.startswith("https:")


SESSION = Cookie("session")
SIGN_IN = Cookie("signing-in")
"""What proves that the form for signing in was ours, before there is a session."""
OPENID = Cookie("openid", seconds=600)
"""What is kept while somebody is at their OpenID provider."""
