"""Sign-in by email address and password or by an OpenID provider, and sign-out."""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from hmac import compare_digest

import structlog
from anyio import CapacityLimiter, to_thread
from cryptography.fernet import InvalidToken
from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from i18n.catalog import Language
from i18n.messages import msg
from models.users import repository as users
from models.users import sessions
from models.users import sign_in as users_sign_in
from models.users.proofs import Proof
from models.users.sessions import SessionDetails, UserSession
from models.users.throttle import TooManySignInsError
from sync.errors import UnavailableError
from web.dependencies import ContainerDep, Form, container_of, text
from web.security.auth import Guest, GuestContext, Open, Reader, local_url, with_next
from web.security.client import client_address, device_name
from web.security.cookies import DEVICE, OPENID, SESSION, SIGN_IN
from web.security.csrf import csrf_token, has_valid_token
from worker.container import Container

log = structlog.get_logger()
router = APIRouter()

REFUSED = msg("Incorrect email or password.")
TOO_MANY = msg("Too many attempts. Wait 15 minutes, then try again.")
PAGE_EXPIRED = msg("Your session expired. Please try again.")

OPENID_CONCURRENCY = CapacityLimiter(4)
"""Limits concurrent calls to the provider, so that webhooks do not wait behind them if it does not respond."""

COOKIE = "cookie.openid"
"""The encryption purpose of the state kept in a cookie until the user returns from the provider."""

OPENID_MAX_AGE = timedelta(seconds=600)
"""How long a user may take at the provider."""

UNKNOWN = msg("You don't have access, or your organization didn't identify you. Ask an administrator to add you.")
WRONG_CODE = msg("Incorrect or already used code. Enter the code the app shows now.")
NO_RESPONSE = msg("Your organization's sign-in isn't responding. Please try again shortly.")


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
        return _sign_in_by_password(request, email, text(form, "password"))
    except users_sign_in.SignInRefusedError as error:
        return refuse(REFUSED, field="password", because=str(error), status_code=status.HTTP_403_FORBIDDEN)
    except TooManySignInsError:
        return refuse(TOO_MANY, because="too many attempts", status_code=status.HTTP_429_TOO_MANY_REQUESTS)


@router.get("/sign-in/code", dependencies=[Open])
def show_code_form(request: Request) -> Response:
    session = _awaiting_code(request)
    return code_form(request, session) if session else _to_sign_in(request)


@router.post("/sign-in/code", dependencies=[Open])
def enter_code(request: Request, form: Form) -> Response:
    """Sign in a user whose password was right, by their second factor."""
    container, session = container_of(request), _awaiting_code(request)
    if session is None:
        return _to_sign_in(request)
    refuse = partial(code_form, request, session)
    if not has_valid_token(request, form, SESSION.read(request)):
        return refuse(PAGE_EXPIRED, status_code=status.HTTP_403_FORBIDDEN)
    code, address, now = text(form, "code"), client_address(request), container.clock()
    database, vault = container.database, container.vault
    try:
        proof = users_sign_in.check_code(database, vault, session.user, code, address=address, now=now)
        return start_session(request, replace(proof, session_id=session.id), requested_url(request))
    except users_sign_in.SignInRefusedError as error:
        return refuse(WRONG_CODE, field="code", because=str(error), status_code=status.HTTP_403_FORBIDDEN)
    except TooManySignInsError:
        return refuse(TOO_MANY, because="too many attempts", status_code=status.HTTP_429_TOO_MANY_REQUESTS)


@router.get("/sign-in/openid", dependencies=[Open])
async def start_openid(request: Request, container: ContainerDep, fresh: str = "") -> Response:
    """Redirect to the provider, with a cookie that identifies the browser on return."""
    try:
        begin = partial(_provider(container).begin, fresh=bool(fresh))
        address, kept = await to_thread.run_sync(begin, limiter=OPENID_CONCURRENCY)
    except (UnavailableError, users_sign_in.SignInRefusedError) as error:
        return _openid_failed(request, error)
    kept |= {"next": requested_url(request), "until": (container.clock() + OPENID_MAX_AGE).isoformat()}
    response = RedirectResponse(address, status.HTTP_303_SEE_OTHER)
    OPENID.write(request, response, container.vault.encrypt_values(kept, COOKIE))
    return response


@router.get("/sign-in/openid/back", dependencies=[Open])
async def finish_openid(request: Request, container: ContainerDep, code: str = "", state: str = "") -> Response:
    provider = _provider(container)
    try:
        kept = _read_openid_state(request, container, state)
        identity = await to_thread.run_sync(partial(provider.finish, code, kept=kept), limiter=OPENID_CONCURRENCY)
        user_id = await run_in_threadpool(
            users_sign_in.find_openid_user, container.database, identity, now=container.clock()
        )
        response = await run_in_threadpool(start_session, request, Proof(user_id), kept["next"], identity=identity)
    except (UnavailableError, users_sign_in.SignInRefusedError) as error:
        response = _openid_failed(request, error)
    OPENID.clear(request, response)
    return response


@router.post("/sign-out")
def sign_out(context: Reader) -> Response:
    sessions.end(context.database, SESSION.read(context.request))
    response = RedirectResponse("/sign-in", status.HTTP_303_SEE_OTHER)
    SESSION.clear(context.request, response)
    return response


def requested_url(request: Request) -> str:
    return local_url(request.query_params.get("next", "/"))


def start_session(
    request: Request, proof: Proof, address: str, *, identity: users_sign_in.OpenIdIdentity | None = None
) -> Response:
    """Begin a session in place of an earlier one, and redirect to a local URL.

    ``identity`` is the provider's statement, None if the user has given a password here. Raises SignInRefusedError
    if the proof no longer holds.
    """
    container, former = container_of(request), SESSION.read(request)
    proved_at = min(identity.proved_at, container.clock()) if identity and identity.proved_at else None
    details = SessionDetails(device=device_name(request), by_openid=identity is not None, proved_at=proved_at)
    device_token, now = DEVICE.read(request) or secrets.token_urlsafe(32), container.clock()
    token = users_sign_in.complete(
        container.database, proof, details=details, device_token=device_token, instead_of=former, now=now
    )
    _keep_language(request, proof.user_id)
    log.info("signed_in", user=proof.user_id, address=client_address(request))
    response = RedirectResponse(address, status.HTTP_303_SEE_OTHER)
    SESSION.write(request, response, token)
    DEVICE.write(request, response, device_token)
    SIGN_IN.clear(request, response)
    return response


def show_form_again(
    request: Request,
    message: str = "",
    *,
    field: str = "",
    email: str = "",
    because: str | None = None,
    status_code: int = 200,
) -> Response:
    """Show the form again with an error, about the whole form or one ``field``.

    The reason for a refusal (``because``) is logged.
    """
    _log_refusal(request, because)
    return render_signed_out(
        request,
        "sign-in.html",
        status=status_code,
        email=email,
        **_errors(message, field),
        openid=container_of(request).openid is not None,
        next=requested_url(request),
    )


def render_signed_out(request: Request, template: str, *, status: int | None = None, **values: object) -> Response:
    """Render a page with a form for visitors who are not signed in. A cookie proves that the form is ours."""
    token = SIGN_IN.read(request) or secrets.token_urlsafe(32)
    context = GuestContext(request=request, container=container_of(request), session=None)
    can_mail_links = context.container.can_mail_links
    response = context.render(
        template, status=status, csrf_token=csrf_token(token), can_mail_links=can_mail_links, **values
    )
    SIGN_IN.write(request, response, token)
    return response


def code_form(
    request: Request,
    session: UserSession,
    message: str = "",
    *,
    field: str = "",
    because: str | None = None,
    status_code: int = 200,
) -> Response:
    """Ask for the second factor, with an error as in :func:`show_form_again`."""
    _log_refusal(request, because)
    context = GuestContext(request=request, container=container_of(request), session=None)
    return context.render(
        "sign-in-code.html",
        status=status_code,
        language=session.user.language,
        **_errors(message, field),
        csrf_token=csrf_token(SESSION.read(request)),
        next=requested_url(request),
    )


def _errors(message: str, field: str) -> dict[str, object]:
    return {"message": "", "errors": {field: message}} if field else {"message": message, "errors": {}}


def _log_refusal(request: Request, because: str | None) -> None:
    if because is not None:  # the account is not logged: people type passwords into the wrong field
        log.info("sign_in_refused", address=client_address(request), because=because)


def _sign_in_by_password(request: Request, email: str, password: str) -> Response:
    """Start the user's session if the password is right, or ask for their second factor."""
    container = container_of(request)
    database, now = container.database, container.clock()
    proof = users_sign_in.check_password(database, email, password, address=client_address(request), now=now)
    if not proof.has_factor:
        return start_session(request, proof, requested_url(request))
    details, former = SessionDetails(device=device_name(request), awaits_code=True), SESSION.read(request)
    token = users_sign_in.start_session(database, proof, details=details, instead_of=former, now=container.clock())
    _keep_language(request, proof.user_id)
    response = RedirectResponse(with_next("/sign-in/code", requested_url(request)), status.HTTP_303_SEE_OTHER)
    SESSION.write(request, response, token)
    return response


def _keep_language(request: Request, user_id: int) -> None:
    if (language := request.query_params.get("language")) in set(Language):
        users.set_language(container_of(request).database, user_id, Language(language))


def _awaiting_code(request: Request) -> UserSession | None:
    container, token = container_of(request), SESSION.read(request)
    return sessions.find(container.database, token, now=container.clock(), awaiting_code=True) if token else None


def _to_sign_in(request: Request) -> Response:
    return RedirectResponse(with_next("/sign-in", requested_url(request)), status.HTTP_303_SEE_OTHER)


def _provider(container: Container) -> users_sign_in.OpenIdProvider:
    if (provider := container.openid) is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return provider


def _read_openid_state(request: Request, container: Container, state: str) -> dict[str, str]:
    """Return the cookie's content. Raises SignInRefusedError if the sign-in began elsewhere or too long ago."""
    try:
        kept = container.vault.decrypt_values(OPENID.read(request), COOKIE)
        until = datetime.fromisoformat(kept["until"])
    except InvalidToken:
        raise users_sign_in.SignInRefusedError("The sign-in did not begin in this browser.") from None
    if until <= container.clock():
        raise users_sign_in.SignInRefusedError("The sign-in took too long.")
    if not compare_digest(kept["state"].encode(), state.encode()):
        raise users_sign_in.SignInRefusedError("The provider returned the state of another sign-in.")
    return kept


def _openid_failed(request: Request, error: UnavailableError | users_sign_in.SignInRefusedError) -> Response:
    refuse = partial(show_form_again, request, because=str(error))
    if isinstance(error, UnavailableError):
        return refuse(NO_RESPONSE, status_code=status.HTTP_503_SERVICE_UNAVAILABLE)
    return refuse(UNKNOWN, status_code=status.HTTP_403_FORBIDDEN)
