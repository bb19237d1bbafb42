"""The proof that it was our own page that somebody filled in."""

import hashlib
import hmac
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import FormData

from web.dependencies import CSRF, container_of, text

OWN_SITES = {"same-origin", "none"}
"""What browsers say of a request from one of our pages, and of one that a person began themselves."""


def csrf_token(token: str) -> str:
    """Make what the forms of a session carry from its token; the token cannot be told from it."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def has_valid_token(request: Request, form: FormData, token: str) -> bool:
    """Return whether a form came from a page of ours that was shown to the holder of this token."""
    given = text(form, CSRF).encode()
    return bool(token) and is_same_origin(request) and hmac.compare_digest(given, csrf_token(token).encode())


def is_same_origin(request: Request) -> bool:
    """Return whether the browser says that a page of ours sent this; one that says nothing is believed."""
    if request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES:
        return False
    origin = request.headers.get("Origin")
    hosts = {request.headers.get("Host"), urlsplit(container_of(request).settings.public_url).netloc}
    return origin is None or urlsplit(origin).netloc in hosts
