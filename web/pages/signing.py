"""Signing in by e-mail address and password, and out."""

import secrets
from functools import partial

import structlog
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response, status
from fastapi.responses import RedirectResponse

from language.catalogue import Language
from language.said import say
from models import signing, users, visits
from models.throttle import TooManySignIns
from web.cookies import SESSION, SIGNING_IN
from web.forms import Form, is_proven, proof, text
from web.rendering import render
from web.visitors import Guest, Open, Reader
from worker.wiring import bridge, clock

log = structlog.get_logger()
router = APIRouter()

AT_ONCE = CapacityLimiter(2)
"""Passwords that are hashed at once: each takes 64 MiB, and notifications must not wait behind them."""

LONGEST_ADDRESS = 1000
"""So that it fits into a cookie."""

REFUSED = say("The e-mail address or the password is not right.")
TOO_MANY = say("Too many attempts. Wait a quarter of an hour, then try again.")
STALE = say("The page was open for too long. Please try again.")


@router.get("/sign-in", dependencies=[Open])
def ask(request: Request, visitor: Guest) -> Response:
    """Ask who it is."""
    return RedirectResponse(wanted(request), status.HTTP_303_SEE_OTHER) if visitor else form_again(request)


@router.post("/sign-in", dependencies=[Open])
async def sign_in(request: Request, form: Form) -> Response:
    """Let somebody in who knows the password."""
    email = text(form, "email")
    if not is_proven(request, form, SIGNING_IN.read(request)):
        return form_again(request, STALE, email=email, status_code=status.HTTP_403_FORBIDDEN)
    enter = partial(_enter, request, email, text(form, "password"))
    try:
        return await to_thread.run_sync(enter, limiter=AT_ONCE)
    except signing.Refused as error:
        note_refused(request, str(error))
        return form_again(request, REFUSED, email=email, status_code=status.HTTP_403_FORBIDDEN)
    except TooManySignIns:
        note_refused(request, "too many attempts")
        return form_again(request, TOO_MANY, email=email, status_code=status.HTTP_429_TOO_MANY_REQUESTS)


@router.post("/sign-out")
def sign_out(request: Request, _visitor: Reader) -> Response:
    """End the session."""
    visits.end(bridge().database, SESSION.read(request))
    response = RedirectResponse("/sign-in", status.HTTP_303_SEE_OTHER)
    SESSION.clear(response)
    return response


def local(address: str) -> str:
    """Tell where to go on: within these pages, whatever an address from elsewhere says."""
    within = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if within and address.isprintable() and len(address) <= LONGEST_ADDRESS else "/"


def wanted(request: Request) -> str:
    """Tell where somebody wanted to go who has to sign in first."""
    return local(request.query_params.get("next", "/"))


def address_of(request: Request) -> str:
    """Tell where a request comes from; behind a proxy, what uvicorn believes of its headers."""
    return request.client.host if request.client else ""


def welcome(request: Request, user_id: int, address: str) -> Response:
    """Begin a session, instead of any that there was, and go on to a local address."""
    token = visits.begin(bridge().database, user_id, now=clock(), instead_of=SESSION.read(request))
    if (language := request.query_params.get("language")) in set(Language):
        users.speak(bridge().database, user_id, Language(language))
    log.info("signed_in", user=user_id, address=address_of(request))
    response = RedirectResponse(address, status.HTTP_303_SEE_OTHER)
    SESSION.write(response, token)
    SIGNING_IN.clear(response)
    return response


def note_refused(request: Request, because: str) -> None:
    """Leave a line in the log; the account is not named, as people type passwords into the wrong field."""
    log.info("sign_in_refused", address=address_of(request), because=because)


def form_again(
    request: Request, message: str = "", *, email: str = "", status_code: int = status.HTTP_200_OK
) -> Response:
    """Show the form for signing in, with what it says of the last attempt."""
    token = SIGNING_IN.read(request) or secrets.token_urlsafe(32)
    response = render(
        request,
        None,
        "sign-in.html",
        status=status_code,
        email=email,
        message=message,
        proof=proof(token),
        openid=bridge().openid is not None,
        next=wanted(request),
    )
    SIGNING_IN.write(response, token)
    return response


def _enter(request: Request, email: str, password: str) -> Response:
    user_id = signing.by_password(bridge().database, email, password, address=address_of(request), now=clock())
    return welcome(request, user_id, wanted(request))
