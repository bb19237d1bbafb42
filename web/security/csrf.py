"""What people fill in, and the proof that it was our own page that they filled in."""

import hashlib
import hmac
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, HTTPException, Request, status
from starlette.datastructures import FormData

from worker.container import get_container

FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"
OWN_SITES = {"same-origin", "none"}
"""What browsers say of a request from one of our pages, and of one that a person began themselves."""


async def read_form(request: Request) -> FormData:
    """Read the fields of a posted form, none for a page that is only read; files are not taken.

    NUL is what PostgreSQL cannot keep and nobody can type: whoever sends it is told that it cannot be read, 400.
    """
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM_MEDIA_TYPE:
        return FormData()
    form = await request.form()
    if any("\0" in str(value) for _, value in form.multi_items()):
        raise HTTPException(status.HTTP_400_BAD_REQUEST)
    return form


Form = Annotated[FormData, Depends(read_form)]


def text(form: FormData, name: str) -> str:
    """Tell what stands in a field, "" where it is missing."""
    return str(form.get(name, ""))


def csrf_token(token: str) -> str:
    """Make what the forms of a session carry from its token; the token cannot be told from it."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def has_valid_token(request: Request, form: FormData, token: str) -> bool:
    """Tell whether a form came from a page of ours that was shown to the holder of this token."""
    given = text(form, "csrf").encode()
    return bool(token) and is_same_origin(request) and hmac.compare_digest(given, csrf_token(token).encode())


def is_same_origin(request: Request) -> bool:
    """Tell whether the browser says that a page of ours sent this; one that says nothing is believed."""
    if request.headers.get("Sec-Fetch-Site", "none") not in OWN_SITES:
        return False
    origin = request.headers.get("Origin")
    hosts = {request.headers.get("Host"), urlsplit(get_container().settings.public_url).netloc}
    return origin is None or urlsplit(origin).netloc in hosts
