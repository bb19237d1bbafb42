"""The CSRF token: the proof that a form was filled in on our own page."""

import hashlib
import hmac
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import FormData

from web.dependencies import CSRF, container_of, text

OWN_SITES = {"same-origin", "none"}
"""Browsers' values for requests from one of our pages, and for those that the user started."""


def csrf_token(token: str) -> str:
    """Return the CSRF token of a session's forms, from which the session token cannot be derived."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def has_valid_token(request: Request, form: FormData, token: str) -> bool:
    """Return whether a form is from one of our pages, shown to the holder of this session token."""
    given = text(form, CSRF).encode()
    return bool(token) and is_same_origin(request) and hmac.compare_digest(given, csrf_token(token).encode())


def is_same_origin(request: Request) -> bool:
    """Return whether the browser says that one of our pages sent this; assumed if it says nothing."""
    if request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES:
        return False
    origin = request.headers.get("Origin")
    hosts = {request.headers.get("Host"), urlsplit(container_of(request).settings.public_url).netloc}
    return origin is None or urlsplit(origin).netloc in hosts
