"""Signing in by an organization's own OpenID provider, where the installation has one."""

from datetime import datetime, timedelta
from functools import partial
from hmac import compare_digest

from anyio import CapacityLimiter, to_thread
from cryptography.fernet import InvalidToken
from fastapi import APIRouter, HTTPException, Request, Response, status
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse

from language.said import say
from models import signing
from sync.errors import Unavailable
from web.cookies import OPENID
from web.pages.signing import form_again, note_refused, wanted, welcome
from web.visitors import Open
from worker.wiring import bridge, clock

router = APIRouter(prefix="/sign-in/openid", dependencies=[Open])

AT_ONCE = CapacityLimiter(4)
"""Questions to the provider at once: should it be silent, notifications must not wait behind them."""

LONGEST = timedelta(seconds=600)
"""How long somebody may take at the provider."""

UNKNOWN = say(
    "You are not a user here, or your organization did not say who you are. An administrator can add you."
)
SILENT = say("Your organization's sign-in does not answer. Please try again in a while.")


@router.get("")
async def leave(request: Request) -> Response:
    """Send somebody to the provider, with a cookie that tells them apart when they come back."""
    try:
        address, kept = await to_thread.run_sync(_provider().begin, limiter=AT_ONCE)
    except (Unavailable, signing.Refused) as error:
        return _failed(request, error)
    kept |= {"next": wanted(request), "until": (clock() + LONGEST).isoformat()}
    response = RedirectResponse(address, status.HTTP_303_SEE_OTHER)
    OPENID.write(response, bridge().vault.lock_values(kept))
    return response


@router.get("/back")
async def come_back(request: Request, code: str = "", state: str = "") -> Response:
    """Let in whom the provider vouches for."""
    provider = _provider()
    try:
        kept = _kept(request, state)
        identity = await to_thread.run_sync(partial(provider.finish, code, kept=kept), limiter=AT_ONCE)
        response = await run_in_threadpool(_enter, request, identity, kept["next"])
    except (Unavailable, signing.Refused) as error:
        response = _failed(request, error)
    OPENID.clear(response)
    return response


def _enter(request: Request, identity: signing.Identity, address: str) -> Response:
    return welcome(request, signing.by_openid(bridge().database, identity), address)


def _provider() -> signing.Provider:
    if (provider := bridge().openid) is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return provider


def _kept(request: Request, state: str) -> dict[str, str]:
    """Tell what was kept when somebody left. Raises Refused where they did not leave here, or too long ago."""
    try:
        kept = bridge().vault.open_values(OPENID.read(request))
    except InvalidToken:
        raise signing.Refused("They did not begin here.") from None
    if datetime.fromisoformat(kept["until"]) <= clock():
        raise signing.Refused("It took too long.")
    if not compare_digest(kept["state"].encode(), state.encode()):
        raise signing.Refused("It was another sign-in that they began here.")
    return kept


def _failed(request: Request, error: Unavailable | signing.Refused) -> Response:
    note_refused(request, str(error))
    if isinstance(error, Unavailable):
        return form_again(request, SILENT, status_code=status.HTTP_503_SERVICE_UNAVAILABLE)
    return form_again(request, UNKNOWN, status_code=status.HTTP_403_FORBIDDEN)
