"""Signing in by an organization's own OpenID provider, where the installation has one."""

from datetime import datetime, timedelta
from functools import partial
from hmac import compare_digest

from anyio import CapacityLimiter, to_thread
from cryptography.fernet import InvalidToken
from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from i18n.messages import msg
from models.users import sign_in
from sync.errors import UnavailableError
from web.dependencies import ContainerDep, container_of
from web.pages.sign_in import requested_url, show_form_again, start_session
from web.security.auth import Open
from web.security.cookies import OPENID
from worker.container import Container

router = APIRouter(prefix="/sign-in/openid", dependencies=[Open])

CONCURRENCY = CapacityLimiter(4)
"""Questions to the provider at once: should it be silent, notifications must not wait behind them."""

MAX_AGE = timedelta(seconds=600)
"""How long somebody may take at the provider."""

UNKNOWN = msg(
    "You are not a user here, or your organization did not say who you are. An administrator can add you."
)
NO_ANSWER = msg("Your organization's sign-in does not answer. Please try again in a while.")


@router.get("")
async def start(request: Request, container: ContainerDep) -> Response:
    """Send somebody to the provider, with a cookie that tells them apart when they come back."""
    try:
        address, kept = await to_thread.run_sync(_provider(container).begin, limiter=CONCURRENCY)
    except (UnavailableError, sign_in.SignInRefusedError) as error:
        return _failed(request, error)
    kept |= {"next": requested_url(request), "until": (container.clock() + MAX_AGE).isoformat()}
    response = RedirectResponse(address, status.HTTP_303_SEE_OTHER)
    OPENID.write(request, response, container.vault.encrypt_values(kept))
    return response


@router.get("/back")
async def callback(request: Request, container: ContainerDep, code: str = "", state: str = "") -> Response:
    provider = _provider(container)
    try:
        kept = _kept(request, container, state)
        identity = await to_thread.run_sync(partial(provider.finish, code, kept=kept), limiter=CONCURRENCY)
        response = await run_in_threadpool(_enter, request, identity, kept["next"])
    except (UnavailableError, sign_in.SignInRefusedError) as error:
        response = _failed(request, error)
    OPENID.clear(request, response)
    return response


def _enter(request: Request, identity: sign_in.Identity, address: str) -> Response:
    return start_session(request, sign_in.by_openid(container_of(request).database, identity), address)


def _provider(container: Container) -> sign_in.OpenIdProvider:
    if (provider := container.openid) is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return provider


def _kept(request: Request, container: Container, state: str) -> dict[str, str]:
    """Return what the cookie keeps. Raises SignInRefusedError where they did not begin here, or too long ago."""
    try:
        kept = container.vault.decrypt_values(OPENID.read(request))
    except InvalidToken:
        raise sign_in.SignInRefusedError("They did not begin here.") from None
    if datetime.fromisoformat(kept["until"]) <= container.clock():
        raise sign_in.SignInRefusedError("It took too long.")
    if not compare_digest(kept["state"].encode(), state.encode()):
        raise sign_in.SignInRefusedError("It was another sign-in that they began here.")
    return kept


def _failed(request: Request, error: UnavailableError | sign_in.SignInRefusedError) -> Response:
    refuse = partial(show_form_again, request, because=str(error))
    if isinstance(error, UnavailableError):
        return refuse(NO_ANSWER, status_code=status.HTTP_503_SERVICE_UNAVAILABLE)
    return refuse(UNKNOWN, status_code=status.HTTP_403_FORBIDDEN)
