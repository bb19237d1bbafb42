"""Signing in by e-mail address and password, and out."""

import secrets
from functools import partial

import structlog
from fastapi import APIRouter, Request, Response, status
from fastapi.responses import RedirectResponse

from i18n.catalog import Language
from i18n.messages import msg
from models.users import repository as users
from models.users import sessions
from models.users import sign_in as users_sign_in
from models.users.throttle import TooManySignInsError
from web.dependencies import Form, container_of, text
from web.security.auth import Guest, GuestContext, Open, Reader
from web.security.cookies import SESSION, SIGN_IN
from web.security.csrf import csrf_token, has_valid_token

log = structlog.get_logger()
router = APIRouter()

MAX_URL_LENGTH = 1000
"""So that it fits into a cookie."""

REFUSED = msg("The e-mail address or the password is not right.")
TOO_MANY = msg("Too many attempts. Wait a quarter of an hour, then try again.")
PAGE_EXPIRED = msg("The page was open for too long. Please try again.")


@router.get("/sign-in", dependencies=[Open])
def show_form(context: Guest) -> Response:
    if context.current_user:
        return RedirectResponse(requested_url(context.request), status.HTTP_303_SEE_OTHER)
    return show_form_again(context.request)


@router.post("/sign-in", dependencies=[Open])
def sign_in(request: Request, form: Form) -> Response:
    email = text(form, "email")
    refuse = partial(show_form_again, request, email=email)
    if not has_valid_token(request, form, SIGN_IN.read(request)):
        return refuse(PAGE_EXPIRED, status_code=status.HTTP_403_FORBIDDEN)
    try:
        return _enter(request, email, text(form, "password"))
    except users_sign_in.SignInRefusedError as error:
        return refuse(REFUSED, because=str(error), status_code=status.HTTP_403_FORBIDDEN)
    except TooManySignInsError:
        return refuse(TOO_MANY, because="too many attempts", status_code=status.HTTP_429_TOO_MANY_REQUESTS)


@router.post("/sign-out")
def sign_out(context: Reader) -> Response:
    sessions.end(context.database, SESSION.read(context.request))
    response = RedirectResponse("/sign-in", status.HTTP_303_SEE_OTHER)
    SESSION.clear(context.request, response)
    return response


def local_url(address: str) -> str:
    """Tell where to go on: within these pages, whatever an address from elsewhere says."""
    within = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if within and address.isprintable() and len(address) <= MAX_URL_LENGTH else "/"


def requested_url(request: Request) -> str:
    return local_url(request.query_params.get("next", "/"))


def client_address(request: Request) -> str:
    """Tell where a request comes from; behind a proxy, what uvicorn believes of its headers."""
    return request.client.host if request.client else ""


def start_session(request: Request, user_id: int, address: str) -> Response:
    """Begin a session, instead of any that there was, and go on to a local address."""
    container = container_of(request)
    token = sessions.start(container.database, user_id, now=container.clock(), instead_of=SESSION.read(request))
    if (language := request.query_params.get("language")) in set(Language):
        users.set_language(container.database, user_id, Language(language))
    log.info("signed_in", user=user_id, address=client_address(request))
    response = RedirectResponse(address, status.HTTP_303_SEE_OTHER)
    SESSION.write(request, response, token)
    SIGN_IN.clear(request, response)
    return response


def show_form_again(
    request: Request, message: str = "", *, email: str = "", because: str | None = None, status_code: int = 200
) -> Response:
    """Show the form, and what was wrong with the last one; why it was refused (``because``) goes to the log."""
    if because is not None:  # the account is not named, as people type passwords into the wrong field
        log.info("sign_in_refused", address=client_address(request), because=because)
    token = SIGN_IN.read(request) or secrets.token_urlsafe(32)
    context = GuestContext(request=request, container=container_of(request), current_user=None)
    response = context.render(
        "sign-in.html",
        status=status_code,
        email=email,
        message=message,
        csrf_token=csrf_token(token),
        openid=context.container.openid is not None,
        next=requested_url(request),
    )
    SIGN_IN.write(request, response, token)
    return response


def _enter(request: Request, email: str, password: str) -> Response:
    container = container_of(request)
    user_id = users_sign_in.by_password(
        container.database, email, password, address=client_address(request), now=container.clock()
    )
    return start_session(request, user_id, requested_url(request))
