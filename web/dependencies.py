"""Dependencies of endpoints: the container of this process, and the fields of a posted form."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from cryptography.fernet import InvalidToken
from fastapi import Depends, HTTPException, Request, status
from starlette.datastructures import FormData
from starlette.requests import ClientDisconnect

from models.enums import Scope
from worker.container import Container

MAX_BODY_SECONDS = 10
"""How long a body may take to arrive, in seconds."""

MAX_ID_DIGITS, MAX_BIG_ID_DIGITS = 9, 18
"""Digits that always fit into PostgreSQL's integer and bigint."""

MAX_PAGE_DIGITS = 4
"""Digits of the number of a page: no list has more pages."""

MAX_CONNECTION_ID, MAX_ID = 2**31 - 1, 2**63 - 1
"""The largest values of PostgreSQL's integer and bigint."""

FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"

CSRF, SEALED = "csrf", "sealed"
"""The form fields with the CSRF token, and with an earlier form, encrypted."""


def container_of(request: Request) -> Container:
    container: Container = request.state.container
    return container


async def get_container(request: Request) -> Container:
    """Return the container of :func:`web.app.create_app`; async, so that it needs no thread."""
    return container_of(request)


@asynccontextmanager
async def body_deadline() -> AsyncIterator[None]:
    """Send 408 for a body that arrives too slowly or breaks off. The app itself refuses one that is too large."""
    try:
        async with asyncio.timeout(MAX_BODY_SECONDS):
            yield
    except (TimeoutError, ClientDisconnect):
        raise HTTPException(status.HTTP_408_REQUEST_TIMEOUT) from None


async def read_form(request: Request) -> FormData:
    """Read the fields of a posted form; none for a request without a form. Files are not accepted.

    Sends 400 for NUL, which PostgreSQL cannot store and no person types.
    """
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM_MEDIA_TYPE:
        return FormData()
    async with body_deadline():
        form = await request.form()
    if any("\0" in str(value) for _, value in form.multi_items()):
        raise HTTPException(status.HTTP_400_BAD_REQUEST)
    return _unseal_form(request, form) if SEALED in form else form


def seal_form(request: Request, form: FormData, *, but: str) -> str:
    """Encrypt the posted fields except ``but``, for a page that posts them again."""
    fields = [pair for pair in form.multi_items() if pair[0] not in (but, CSRF)]
    return container_of(request).vault.encrypt(json.dumps(fields), SEALED, request.url.path)


def _unseal_form(request: Request, form: FormData) -> FormData:
    """Return the sealed fields with those posted now. Sends 400 for fields that this page did not seal."""
    try:
        kept = container_of(request).vault.decrypt(text(form, SEALED), SEALED, request.url.path)
    except InvalidToken:
        raise HTTPException(status.HTTP_400_BAD_REQUEST) from None
    before = [(name, value) for name, value in json.loads(kept)]
    return FormData([*before, *(pair for pair in form.multi_items() if pair[0] != SEALED)])


def is_number(text: str, *, digits: int = MAX_ID_DIGITS) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= digits


def page_number(text: str) -> int:
    """Read the number of a page in a URL; 1 if it is invalid."""
    return int(text) if is_number(text, digits=MAX_PAGE_DIGITS) and int(text) else 1


def chosen_connections(form: FormData) -> Scope:
    """Read the chosen connections. Sends 400 for values that our page does not offer."""
    given = [str(each) for each in form.getlist("connections")]
    if not all(map(is_number, given)):
        raise HTTPException(status.HTTP_400_BAD_REQUEST)
    return Scope(None if text(form, "everywhere") else frozenset(map(int, given)))


ContainerDep = Annotated[Container, Depends(get_container)]
Form = Annotated[FormData, Depends(read_form)]


def text(form: FormData, name: str) -> str:
    return str(form.get(name, ""))
