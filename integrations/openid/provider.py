"""Sign-in with OpenID Connect: the code flow with PKCE, and a verified ID token.

Only the person's identity is kept: no access token, no refresh token.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from operator import attrgetter
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from cachetools import TTLCache, cachedmethod
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from pydantic import SecretStr

from integrations.transport import BoundedAdapter, OversizedResponseError, without_netrc
from models.users.sign_in import Identity, SignInRefusedError
from sync.errors import UnavailableError

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures that only the provider can make; a shared secret, or no signature, proves nothing."""

LEEWAY_SECONDS = 60  # tolerated difference of two clocks
CACHE_SECONDS = 600  # for the provider's metadata; its keys are fetched each time

VERIFIED_CLAIMS = ("email_verified", "xms_edov")
"""The claims by which a provider vouches for an address: the standard's, and Microsoft's."""
TRUE_VALUES = (True, "1", "true")

MAX_RESPONSE_BYTES = 256 * 1024

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class OpenIdConnectProvider:
    """An OpenID provider, found by its issuer; implements :class:`~models.users.sign_in.OpenIdProvider`.

    ``issuer`` is its URL as it writes it itself, ``client`` our client id and secret, and ``callback_url`` where
    it sends people back to. ``timeout`` is in seconds, for connecting and for a call as a whole. Raises ValueError
    if the issuer is no https URL, or client id or secret is missing.
    """

    def __init__(
        self,
        issuer: str,
        *,
        client: tuple[str, SecretStr],
        callback_url: str,
        timeout: tuple[float, float],
        clock: Callable[[], datetime],
    ) -> None:
        parts = urlsplit(issuer)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise ValueError("OPENID_ISSUER must be an https address.")
        if not all(client):
            raise ValueError("OPENID_ISSUER needs OPENID_CLIENT_ID and OPENID_CLIENT_SECRET.")
        self._issuer = issuer
        self._client_id, self._secret = client
        self._back = callback_url
        self._timeout = timeout
        self._adapter = BoundedAdapter(seconds=timeout[0], max_bytes=MAX_RESPONSE_BYTES, pool_maxsize=10)
        self._clock = clock
        self._known: TTLCache[Any, Mapping[str, Any]] = TTLCache(1, CACHE_SECONDS)
        self._lock = Lock()

    def begin(self, *, fresh: bool = False) -> tuple[str, dict[str, str]]:
        anew = {"prompt": "login", "max_age": "0"} if fresh else {}
        kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        with _translating():
            where = self._description()
            address, _ = self._session(where).create_authorization_url(
                where["authorization_endpoint"],
                state=kept["state"],
                nonce=kept["nonce"],
                code_verifier=kept["verifier"],
                **anew,
            )
        return address, kept

    def finish(self, code: str, *, kept: Mapping[str, str]) -> Identity:
        with _translating():
            where = self._description()
            session = self._session(where)
            token = session.fetch_token(
                where["token_endpoint"], code=code, grant_type="authorization_code", code_verifier=kept["verifier"]
            )
            claims = self._proven(token["id_token"], nonce=kept["nonce"], keys=self._get(where["jwks_uri"]))
            if "email" not in claims and "userinfo_endpoint" in where:
                told = session.get(where["userinfo_endpoint"]).json()
                claims |= told if told.get("sub") == claims["sub"] else {}  # ignored if about another person
        verified = any(claims.get(name) in TRUE_VALUES for name in VERIFIED_CLAIMS)
        email, proved_at = str(claims.get("email", "")) if verified else "", claims.get("auth_time")
        return Identity(
            self._issuer,
            claims["sub"],
            email,
            proved_at=datetime.fromtimestamp(proved_at, UTC) if isinstance(proved_at, int) else None,
        )

    def _session(self, where: Mapping[str, Any]) -> OAuth2Session:
        basic, post = "client_secret_basic", "client_secret_post"
        methods = where.get("token_endpoint_auth_methods_supported", [basic])
        session = OAuth2Session(
            self._client_id,
            self._secret.get_secret_value(),
            token_endpoint_auth_method=basic if basic in methods else post,
            redirect_uri=self._back,
            scope="openid email",
            code_challenge_method="S256",
            default_timeout=self._timeout,
        )
        self._bound(session)
        return session

    def _bound(self, session: requests.Session) -> None:
        session.max_redirects = 0
        session.auth = without_netrc
        for scheme in ("http://", "https://"):
            session.mount(scheme, self._adapter)

    @cachedmethod(attrgetter("_known"), lock=attrgetter("_lock"))
    def _description(self) -> Mapping[str, Any]:
        """Fetch the provider's metadata from its issuer."""
        told = self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if told["issuer"] != self._issuer:
            raise ValueError("The provider calls itself otherwise.")
        return told

    def _get(self, address: str) -> dict[str, Any]:
        session = requests.Session()
        self._bound(session)
        answer = session.get(address, timeout=self._timeout, allow_redirects=False)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def _proven(self, id_token: str, *, nonce: str, keys: Any) -> dict[str, Any]:  # noqa: ANN401 - a JSON value
        """Return the claims of an ID token, verified: from the provider, for us, valid now, for this sign-in."""
        claims = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            now=int(self._clock().timestamp()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            azp={"value": self._client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)
        return claims


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except (requests.RequestException, OversizedResponseError) as error:
        raise UnavailableError("The OpenID provider does not answer.") from error
    except (AuthlibBaseError, JoseError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise SignInRefusedError(str(error)) from error
