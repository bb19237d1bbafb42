"""The OpenID provider of an organization, whose people are already signed in there."""

import base64
import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlencode

import requests
from fastapi import FastAPI, Form, Header, HTTPException
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.jwk import Key, RSAKey

from tests.sandbox.serving import serving

CLIENT = ("bridge", "given-by-the-provider")


class Organization:
    """The provider. A test changes ``claims``, ``key``, ``userinfo`` or ``moved_endpoints`` to alter its responses."""

    def __init__(self) -> None:
        self.issuer = ""
        self.claims: dict[str, Any] = {"sub": "anna-4711", "email": "Anna@example.com", "email_verified": True}
        self.userinfo: dict[str, Any] = {}
        self.moved_endpoints: dict[str, str] = {}
        self.published: Key = RSAKey.generate_key(2048, {"kid": "first"})
        self.key: Key = self.published
        self.algorithm = "RS256"
        self._begun: dict[str, dict[str, str]] = {}

    def app(self) -> FastAPI:
        app = FastAPI()
        app.get("/.well-known/openid-configuration")(self._describe)
        app.get("/authorize")(self._authorize)
        app.post("/token")(self._token)
        app.get("/keys")(self._keys)
        app.get("/userinfo")(self._userinfo)
        return app

    def follow_redirect(self, address: str) -> str:
        """Act like the browser of a signed-in person: open the URL, and return where it redirects to."""
        return requests.get(address, allow_redirects=False, timeout=10).headers["Location"]

    def _describe(self) -> dict[str, Any]:
        parts = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        asked = {"userinfo_endpoint": "userinfo"} if self.userinfo else {}
        known = {name: f"{self.issuer}/{path}" for name, path in (parts | asked).items()}
        return {"issuer": self.issuer} | known | self.moved_endpoints

    def _authorize(
        self, redirect_uri: str, state: str, nonce: str, code_challenge: str, max_age: int | None = None
    ) -> RedirectResponse:
        code = secrets.token_urlsafe()
        self._begun[code] = {"nonce": nonce, "challenge": code_challenge, "back": redirect_uri}
        if max_age is not None:  # then it must say when they signed in
            self.claims.setdefault("auth_time", int(time.time()))
        return RedirectResponse(f"{redirect_uri}?{urlencode({'code': code, 'state': state})}", 303)

    def _token(
        self,
        code: Annotated[str, Form()],
        code_verifier: Annotated[str, Form()],
        redirect_uri: Annotated[str, Form()],
        authorization: Annotated[str, Header()],
    ) -> dict[str, Any]:
        begun = self._begun.pop(code, {})
        digest = hashlib.sha256(code_verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        client = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if (begun.get("challenge"), begun.get("back"), client) != (challenge, redirect_uri, ":".join(CLIENT)):
            raise HTTPException(400)
        return {"token_type": "Bearer", "access_token": "for-userinfo", "id_token": self._id_token(begun["nonce"])}

    def _id_token(self, nonce: str) -> str:
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": CLIENT[0], "nonce": nonce, "iat": now, "exp": now + 60}
        claims = {name: value for name, value in (usual | self.claims).items() if value is not None}
        return jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, claims, self.key, [self.algorithm])

    def _keys(self) -> dict[str, Any]:
        return {"keys": [self.published.as_dict(private=False)]}

    def _userinfo(self, authorization: Annotated[str, Header()]) -> dict[str, Any]:
        if authorization != "Bearer for-userinfo":
            raise HTTPException(401)
        return self.userinfo


@contextmanager
def organization() -> Iterator[Organization]:
    """Serve an organization on the loopback interface."""
    served = Organization()
    with serving(served.app()) as served.issuer:
        yield served
