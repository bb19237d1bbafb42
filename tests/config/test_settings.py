from collections.abc import Callable, Mapping

import pytest
from pydantic import ValidationError

from config.settings import Settings, WrongSettingsError, read_settings

NEWEST, OLDER = "c29tZSBrZXkgb2YgdGhpcnR5LXR3byBieXRlcyBoZXI=", "YW5vdGhlciBrZXkgb2YgdGhpcnR5LXR3byBieXRlcy4="
ENVIRONMENT = {
    "DATABASE_URL": "postgresql://bridge:hunter2@db/bridge",
    "REDIS_URL": "redis://:hunter2@redis/0",
    "SECRET_KEYS": f"{NEWEST}, {OLDER} ,",
}


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return ENVIRONMENT


@pytest.mark.usefixtures("environ")
def test_several_keys_are_in_one_setting_newest_first() -> None:
    assert [key.get_secret_value() for key in Settings().secret_keys] == [NEWEST, OLDER]


@pytest.mark.usefixtures("environ")
def test_urls_are_stored_without_a_trailing_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://bridge.example/")
    assert Settings().public_url == "https://bridge.example"


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("https://integration.example.com:8443/", "moment24@integration.example.com"),
        ("http://127.0.0.1:8000", "moment24@localhost"),
        ("http://[::1]:8000", "moment24@localhost"),
    ],
)
def test_without_a_sender_mails_come_from_the_public_host(
    monkeypatch: pytest.MonkeyPatch, url: str, sender: str
) -> None:
    monkeypatch.setenv("PUBLIC_URL", url)
    assert Settings().mail_from == sender
    monkeypatch.setenv("MAIL_FROM", "faktura@example.com")
    assert Settings().mail_from == "faktura@example.com"


@pytest.mark.usefixtures("environ")
def test_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "hunter2" not in repr(Settings())
    monkeypatch.setenv("LEASE_SECONDS", "soon")
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert "lease_seconds" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.usefixtures("environ")
def test_a_missing_setting_is_named_without_revealing_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL")
    with pytest.raises(ValidationError, match="redis_url") as caught:
        Settings()
    assert "hunter2" not in str(caught.value)


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("name", ["MOMENT_PROJECT_URL", "MOMENT_RECORD_URL", "TWENTYFOUR_RECORD_URL"])
@pytest.mark.parametrize(
    "address", ["https://example.com/{invoice}", "https://example.com/{", "https://example.com/{}"]
)
def test_a_url_with_an_unknown_placeholder_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, address: str
) -> None:
    monkeypatch.setenv(name, address)
    with pytest.raises(ValidationError, match="unknown placeholder"):
        Settings()


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECRET_KEYS", f"{NEWEST},hunter2", "number 2 of 2 is not a key; `moment24 keys new` makes one"),
        ("SECRET_KEYS", "hunter2=", "number 1 of 1 is not a key; `moment24 keys new` makes one"),
        ("DATABASE_URL", "mysql://bridge:hunter2@db/bridge", "must begin with postgresql://"),
        (
            "DATABASE_URL",
            "postgresql://bridge:hunter2#@db/bridge",
            "special characters are written percent-encoded",
        ),
        ("REDIS_URL", "redis+sentinel://:hunter2@one:26379/0", "Sentinel or a Cluster, which are not supported"),
        ("REDIS_URL", "redis://:hunter2@one:6379,two:6379/0", "Sentinel or a Cluster, which are not supported"),
        ("REDIS_URL", "redis-cluster://:hunter2@one:6379/0", "Sentinel or a Cluster, which are not supported"),
        ("REDIS_URL", "http://:hunter2@one:6379/0", "must begin with redis://"),
        ("SMTP_URL", "mail.example.com:hunter2", "must be smtp://"),
        ("LEASE_SECONDS", "hunter2", "should be a valid integer"),
    ],
)
def test_a_wrong_setting_is_reported_in_one_line_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(WrongSettingsError) as caught:
        read_settings(Settings)
    assert str(caught.value).startswith(f"{name}: ")
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


SECRETS = sorted(
    name.upper() for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)
)
WITH_PLACEHOLDER = {
    "DATABASE_URL": "postgresql://bridge:replace-me@db/bridge",
    "REDIS_URL": "redis://:replace-me@redis/0",
    "SMTP_URL": "smtp+starttls://user:replace-me@mail.example.com:587",
}


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("change", [str, str.upper])
def test_a_secret_that_is_still_the_placeholder_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[str], str]
) -> None:
    value = WITH_PLACEHOLDER.get(name, "replace-me")
    monkeypatch.setenv(name, value.replace("replace-me", change("replace-me")))
    with pytest.raises(WrongSettingsError) as caught:
        read_settings(Settings)
    assert (
        str(caught.value)
        == f"{name}: still contains the placeholder `replace-me`; enter your own secret, with Compose in .env"
    )
