"""Choosing a password by a mailed link that a user requested or an administrator sent."""

from collections.abc import Mapping

import structlog
from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.responses import RedirectResponse

from i18n.catalog import Language
from i18n.messages import msg
from models.invalid_input import InvalidInputError, gather_errors
from models.users import password_links
from models.users.password_links import InvalidLinkError
from models.users.passwords import check
from models.users.repository import User
from models.users.throttle import MAX_EMAIL_LENGTH, TooManySignInsError
from sync.rules.normalization import clean
from web.dependencies import Form, container_of, text
from web.pages.account import PASSWORDS_DIFFER
from web.pages.sign_in import PAGE_EXPIRED, TOO_MANY, render_signed_out
from web.security.auth import Open
from web.security.client import client_address
from web.security.cookies import SIGN_IN
from web.security.csrf import has_valid_token
from web.views.settings_form import REQUIRED_MESSAGE
from web.views.templates import preferred_language

log = structlog.get_logger()
router = APIRouter(prefix="/sign-in", dependencies=[Open])

SENT = msg(
    "If this address has an account with a password, we've sent it an email with a link. It may take a minute to "
    "arrive. The link is valid for an hour. We won't send another until it expires or is used."
)
NO_LINK = msg("This link has been used or has expired. Ask for a new one.")


@router.get("/forgotten")
def show_form(request: Request) -> Response:
    return _forgotten(request)


@router.post("/forgotten")
def ask(request: Request, form: Form) -> Response:
    """Have a link mailed. The response is the same whether or not the user exists."""
    container, email = container_of(request), clean(text(form, "email"), max_length=MAX_EMAIL_LENGTH)
    _expect_mails(request)
    if not has_valid_token(request, form, SIGN_IN.read(request)):
        return _forgotten(request, email=email, message=PAGE_EXPIRED, code=status.HTTP_403_FORBIDDEN)
    if not email:
        return _forgotten(request, errors={"email": REQUIRED_MESSAGE})
    try:
        password_links.request_reset(
            container.database, email, address=client_address(request), now=container.clock()
        )
    except TooManySignInsError:
        return _forgotten(request, email=email, message=TOO_MANY, code=status.HTTP_429_TOO_MANY_REQUESTS)
    return _forgotten(request, done=SENT)


@router.get("/link/{token}")
def show_password_form(request: Request, token: str) -> Response:
    return _choose(request, token)


@router.post("/link/{token}")
def choose(request: Request, token: str, form: Form) -> Response:
    """Set the password that the holder of a link chose, without signing them in."""
    container, password = container_of(request), text(form, "password")
    if not has_valid_token(request, form, SIGN_IN.read(request)):
        return _choose(request, token, message=PAGE_EXPIRED, code=status.HTTP_403_FORBIDDEN)
    errors: dict[str, str] = {}
    try:
        user = password_links.user_of(container.database, token, now=container.clock())
        with gather_errors(errors):
            check(password, email=user.email)
        if password != text(form, "again"):
            errors["again"] = PASSWORDS_DIFFER
        if errors:
            return _choose(request, token, errors=errors)
        password_links.choose_password(container.database, token, password, now=container.clock())
    except InvalidLinkError:
        log.info("sign_in_refused", address=client_address(request), because="an invalid link")
        return _choose(request, token)
    except InvalidInputError as error:
        return _choose(request, token, errors=error.errors)
    # Redirect, so that the page can be reloaded and shown in another language.
    saved = "password-changed" if user.has_password else "password-chosen"
    language = _language(request, user) or preferred_language(request)
    return RedirectResponse(f"/sign-in/{saved}?language={language}", status.HTTP_303_SEE_OTHER)


@router.get("/password-changed")
def show_changed(request: Request) -> Response:
    return render_signed_out(request, "password-chosen.html", invited=False)


@router.get("/password-chosen")
def show_chosen(request: Request) -> Response:
    return render_signed_out(request, "password-chosen.html", invited=True)


def _forgotten(
    request: Request,
    *,
    email: str = "",
    message: str = "",
    done: str = "",
    errors: Mapping[str, str] | None = None,
    code: int | None = None,
) -> Response:
    _expect_mails(request)
    return render_signed_out(
        request,
        "password-forgotten.html",
        status=code,
        email=email,
        message=message,
        done=done,
        errors=errors or {},
    )


def _choose(
    request: Request,
    token: str,
    *,
    message: str = "",
    errors: Mapping[str, str] | None = None,
    code: int | None = None,
) -> Response:
    container = container_of(request)
    try:
        user = password_links.user_of(container.database, token, now=container.clock())
    except InvalidLinkError:
        return render_signed_out(
            request, "password-link-invalid.html", status=status.HTTP_404_NOT_FOUND, message=NO_LINK
        )
    return render_signed_out(
        request,
        "password-link.html",
        status=code,
        language=_language(request, user),
        email=user.email,
        invited=not user.has_password,
        message=message,
        errors=errors or {},
    )


def _language(request: Request, user: User) -> Language | None:
    """Return the user's language; None if the URL asks for another."""
    return None if "language" in request.query_params else user.language


def _expect_mails(request: Request) -> None:
    if not container_of(request).can_mail_links:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
