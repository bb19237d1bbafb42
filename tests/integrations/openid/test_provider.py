import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import OctKey, RSAKey
from pydantic import SecretStr

from integrations.openid.provider import OpenIdConnectProvider
from models.users.sign_in import OpenIdIdentity, SignInRefusedError
from sync.errors import UnavailableError
from tests.integrations.hostile_server import TOO_LARGE, TOO_SLOW, Answer, sends, serving
from tests.openid_organization import CLIENT, Organization, organization
from worker.container import clock

BACK = "https://bridge.example/sign-in/openid/back"


@pytest.fixture
def there() -> Iterator[Organization]:
    with organization() as there:
        yield there


def provider(issuer: str, *, secret: str = CLIENT[1], seconds: float = 5) -> OpenIdConnectProvider:
    client = (CLIENT[0], SecretStr(secret))
    return OpenIdConnectProvider(issuer, client=client, callback_url=BACK, timeout=(5, seconds), clock=clock)


def sign_in(there: Organization, ours: OpenIdConnectProvider, **changed: str) -> OpenIdIdentity:
    address, kept = ours.begin()
    query = parse_qs(urlsplit(there.follow_redirect(address)).query)
    assert query["state"] == [kept["state"]]
    return ours.finish(query["code"][0], kept=kept | changed)


def test_the_provider_identifies_a_user_and_vouches_for_the_address(there: Organization) -> None:
    assert sign_in(there, provider(there.issuer)) == OpenIdIdentity(there.issuer, "anna-4711", "Anna@example.com")


@pytest.mark.parametrize("vouched", [{"email_verified": "true"}, {"email_verified": None, "xms_edov": "1"}])
def test_some_providers_vouch_with_their_own_claim(there: Organization, vouched: dict[str, Any]) -> None:
    there.claims |= vouched
    assert sign_in(there, provider(there.issuer)).email == "Anna@example.com"


@pytest.mark.parametrize("vouched", [False, None, "false", "yes", 0])
def test_an_address_not_vouched_for_is_not_returned(there: Organization, vouched: object) -> None:
    there.claims["email_verified"] = vouched
    assert sign_in(there, provider(there.issuer)) == OpenIdIdentity(there.issuer, "anna-4711", "")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": None},
        {"iss": "https://another.example"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": int(time.time()) - 3600},
        {"exp": None},
        {"iat": int(time.time()) + 3600},
        {"azp": "another", "aud": [CLIENT[0], "another"]},
        {"sub": None},
        {"sub": ""},
    ],
)
def test_a_token_for_another_audience_or_time_proves_nothing(there: Organization, claims: dict[str, Any]) -> None:
    there.claims |= claims
    with pytest.raises(SignInRefusedError):
        sign_in(there, provider(there.issuer))


def test_a_signature_by_another_key_proves_nothing(there: Organization) -> None:
    there.key = RSAKey.generate_key(2048, {"kid": "first"})
    with pytest.raises(SignInRefusedError):
        sign_in(there, provider(there.issuer))


def test_a_signature_by_a_shared_secret_proves_nothing(there: Organization) -> None:
    there.algorithm, there.key = "HS256", OctKey.generate_key(256, {"kid": "first"})
    with pytest.raises(SignInRefusedError):
        sign_in(there, provider(there.issuer))


def test_new_keys_of_the_provider_are_known_at_once(there: Organization) -> None:
    ours = provider(there.issuer)
    sign_in(there, ours)
    there.published = there.key = RSAKey.generate_key(2048, {"kid": "second"})
    assert sign_in(there, ours).subject == "anna-4711"


def test_a_code_is_valid_only_for_the_browser_that_began(there: Organization) -> None:
    with pytest.raises(SignInRefusedError):
        sign_in(there, provider(there.issuer), verifier="guessed")
    with pytest.raises(SignInRefusedError):
        sign_in(there, provider(there.issuer, secret="guessed"))


def test_an_address_missing_in_the_token_is_requested(there: Organization) -> None:
    there.userinfo, there.claims = there.claims, {"sub": "anna-4711"}
    assert sign_in(there, provider(there.issuer)).email == "Anna@example.com"
    there.userinfo |= {"sub": "another"}
    assert sign_in(there, provider(there.issuer)).email == ""


def test_a_provider_with_another_issuer_is_not_trusted(there: Organization) -> None:
    with pytest.raises(SignInRefusedError):
        provider(f"{there.issuer}/").begin()


def test_a_silent_provider_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        provider("http://127.0.0.1:1").begin()


HOSTILE = {name: TOO_SLOW[name] for name in ("header", "continue", "body")} | {
    name: TOO_LARGE[name] for name in ("claimed length", "body without length", "packed twice")
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_a_provider_whose_answer_never_ends_is_unavailable(answer: Answer) -> None:
    began = time.monotonic()
    with serving(answer) as url, pytest.raises(UnavailableError):
        provider(url, seconds=0.5).begin()
    assert time.monotonic() - began < 2.5


@pytest.mark.parametrize("part", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
def test_every_call_to_a_provider_times_out(there: Organization, part: str) -> None:
    began = time.monotonic()
    with serving(TOO_SLOW["body"]) as url:
        there.moved_endpoints, there.claims = {part: url}, {"sub": "anna-4711"}
        with pytest.raises(UnavailableError):
            sign_in(there, provider(there.issuer, seconds=0.5))
    assert time.monotonic() - began < 2.5


def test_a_deeply_nested_response_proves_nothing() -> None:
    body = b"[" * 100_000
    answer = sends(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body)
    with serving(answer) as url, pytest.raises(SignInRefusedError):
        provider(url).begin()


def test_a_providers_redirects_are_not_followed(there: Organization) -> None:
    elsewhere = b"HTTP/1.1 307 Elsewhere\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n"
    with serving(sends(elsewhere)) as url:
        there.moved_endpoints = {"token_endpoint": url}
        with pytest.raises(UnavailableError):
            sign_in(there, provider(there.issuer))


def test_a_provider_without_https_or_credentials_is_refused() -> None:
    with pytest.raises(ValueError, match="https"):
        provider("http://login.example.com")
    with pytest.raises(ValueError, match="OPENID_CLIENT_SECRET"):
        provider("https://login.example.com", secret="")
