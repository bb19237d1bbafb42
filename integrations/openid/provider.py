"""Sign-in with OpenID Connect: the code flow with PKCE and a verified ID token; no token is kept."""

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
from models.users.sign_in import OpenIdIdentity, SignInRefusedError
from sync.errors import UnavailableError

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
"""Signatures that only the provider can make; a shared secret, or no signature, proves nothing."""

LEEWAY_SECONDS = 60  # tolerated difference of two clocks
CACHE_SECONDS = 600  # for the provider's metadata; its keys are fetched each time

VERIFIED_CLAIMS = ("email_verified", "xms_edov")
"""The claims by which a provider vouches for an email address: the standard's, and Microsoft's."""
TRUE_VALUES = (True, "1", "true")

MAX_RESPONSE_BYTES = 256 * 1024

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class OpenIdConnectProvider:
    """An OpenID provider, found by its issuer; implements :class:`~models.users.sign_in.OpenIdProvider`.

    ``issuer`` is its URL as the provider writes it, ``client`` our client id and secret, and ``callback_url`` the
    URL to which it sends people back. ``timeout`` is in seconds, for connecting and for a call as a whole. Raises
    ValueError if the issuer is not an https URL, or the client id or the secret is missing.
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
        self._callback_url = callback_url
        self._timeout = timeout
        self._adapter = BoundedAdapter(seconds=timeout[0], max_bytes=MAX_RESPONSE_BYTES, pool_maxsize=10)
        self._clock = clock
        self._metadata_cache: TTLCache[Any, Mapping[str, Any]] = TTLCache(1, CACHE_SECONDS)
        self._lock = Lock()

    def begin(self, *, fresh: bool = False) -> tuple[str, dict[str, str]]:
        fresh_login = {"prompt": "login", "max_age": "0"} if fresh else {}
        kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        with _translating_errors():
            metadata = self._metadata()
            url, _ = self._session(metadata).create_authorization_url(
                metadata["authorization_endpoint"],
                state=kept["state"],
                nonce=kept["nonce"],
                code_verifier=kept["verifier"],
                **fresh_login,
            )
        return url, kept

    def finish(self, code: str, *, kept: Mapping[str, str]) -> OpenIdIdentity:
        with _translating_errors():
            metadata = self._metadata()
            session = self._session(metadata)
            token = session.fetch_token(
                metadata["token_endpoint"],
                code=code,
                grant_type="authorization_code",
                code_verifier=kept["verifier"],
            )
            keys = self._get(metadata["jwks_uri"])
            claims = self._verified_claims(token["id_token"], nonce=kept["nonce"], keys=keys)
            if "email" not in claims and "userinfo_endpoint" in metadata:
                userinfo = session.get(metadata["userinfo_endpoint"]).json()
                claims |= userinfo if userinfo.get("sub") == claims["sub"] else {}  # ignored for another person
        verified = any(claims.get(name) in TRUE_VALUES for name in VERIFIED_CLAIMS)
        email, proved_at = str(claims.get("email", "")) if verified else "", claims.get("auth_time")
        return OpenIdIdentity(
            self._issuer,
            claims["sub"],
            email,
            proved_at=datetime.fromtimestamp(proved_at, UTC) if isinstance(proved_at, int) else None,
        )

    def _session(self, metadata: Mapping[str, Any]) -> OAuth2Session:
        basic, post = "client_secret_basic", "client_secret_post"
        methods = metadata.get("token_endpoint_auth_methods_supported", [basic])
        session = OAuth2Session(
            self._client_id,
            self._secret.get_secret_value(),
            token_endpoint_auth_method=basic if basic in methods else post,
            redirect_uri=self._callback_url,
            scope="openid email",
            code_challenge_method="S256",
            default_timeout=self._timeout,
        )
        self._limit(session)
        return session

    def _limit(self, session: requests.Session) -> None:
        session.max_redirects = 0
        session.auth = without_netrc
        for scheme in ("http://", "https://"):
            session.mount(scheme, self._adapter)

    @cachedmethod(attrgetter("_metadata_cache"), lock=attrgetter("_lock"))
    def _metadata(self) -> Mapping[str, Any]:
        """Fetch the provider's metadata from its issuer."""
        metadata = self._get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if metadata["issuer"] != self._issuer:
            raise ValueError("The provider names another issuer.")
        return metadata

    def _get(self, url: str) -> dict[str, Any]:
        session = requests.Session()
        self._limit(session)
        response = session.get(url, timeout=self._timeout, allow_redirects=False)
        response.raise_for_status()
        values: dict[str, Any] = response.json()
        return values

    def _verified_claims(self, id_token: str, *, nonce: str, keys: Any) -> dict[str, Any]:  # noqa: ANN401 - a JSON value
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
def _translating_errors() -> Iterator[None]:
    try:
        yield
    except (requests.RequestException, OversizedResponseError) as error:
        raise UnavailableError("The OpenID provider does not respond.") from error
    except (AuthlibBaseError, JoseError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise SignInRefusedError(str(error)) from error
