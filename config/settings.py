"""The settings of an installation, from its environment, with production defaults. Printed secrets are masked."""

import binascii
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config.placeholder import PLACEHOLDER, has_placeholder

KEY_BYTES = 32
MISSING = "These settings are missing: "

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


class WrongSettingsError(Exception):
    """Settings are missing or wrong; the message lists each with the reason."""


class LogSettings(BaseSettings):
    """The log settings of every process."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    log_format: Literal["text", "json"] = "json"
    """Format of the log"""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Lowest level that is logged"""

    @field_validator("*")
    @classmethod
    def _own_secret(cls, value: object) -> object:
        secrets = value if isinstance(value, tuple) else (value,)
        if any(isinstance(each, SecretStr) and has_placeholder(each.get_secret_value()) for each in secrets):
            raise ValueError(
                f"still contains the placeholder `{PLACEHOLDER}`; enter your own secret, with Compose in .env"
            )
        return value


class DatabaseSettings(LogSettings):
    """The URL of PostgreSQL, and the log settings."""

    database_url: SecretStr
    """PostgreSQL, as postgresql://user:password@host:port/name"""

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr) -> SecretStr:
        if not re.match(r"postgres(ql)?(\+\w+)?://", value.get_secret_value()):
            raise ValueError("must begin with postgresql://")
        return _checked_url(value)


class MigrationSettings(DatabaseSettings):
    """The settings of `worker migrate`. Some releases change how secrets are encrypted, so it needs the keys."""

    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(min_length=1)
    """Fernet keys for secrets at rest, newest first, comma separated; older keys only decrypt"""

    @field_validator("secret_keys")
    @classmethod
    def _fernet_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for number, key in enumerate(value, 1):
            try:
                length = len(urlsafe_b64decode(key.get_secret_value()))
            except (binascii.Error, ValueError):
                length = 0
            if length != KEY_BYTES:
                raise ValueError(f"number {number} of {len(value)} is not a key; `moment24 keys new` makes one")
        return value

    @field_validator("secret_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


class BeatSettings(DatabaseSettings):
    """The settings of beat. It has no encryption key, so it cannot decrypt secrets in the database."""

    redis_url: SecretStr
    """Redis with noeviction, as redis://:password@host:port/0; a single server, no Sentinel and no Cluster"""
    dispatch_seconds: float = Field(5, gt=0)
    """How often beat looks for due jobs"""
    poll_seconds: float = Field(300, gt=0)
    """How often Moment is polled for changes"""

    @field_validator("redis_url")
    @classmethod
    def _single_redis(cls, value: SecretStr) -> SecretStr:
        scheme, _, rest = value.get_secret_value().partition("://")
        if "sentinel" in scheme or "cluster" in scheme or "," in rest.partition("/")[0]:
            raise ValueError(
                "points to Sentinel or a Cluster, which are not supported; enter the URL of a single server, "
                "or of a proxy that follows the primary, as redis://:password@host:port/0"
            )
        if scheme not in {"redis", "rediss"}:
            raise ValueError("must begin with redis://, or rediss:// for TLS")
        return _checked_url(value)


class Settings(BeatSettings, MigrationSettings):
    """The settings of the web, the workers and the command line."""

    application_id: str = "00000000-0000-0000-0000-000000000000"
    """The ApplicationId that 24SevenOffice gave this integration"""
    moment_url: str = "https://app.moment.team/api/1.0"
    """Base URL of Moment's API"""
    moment_customer_includes: str = Field("base+email+phone+addresses", pattern=r"[A-Za-z0-9+,]*")
    """What Moment includes when a customer is read; the email address is left out unless asked for"""
    moment_project_url: str = "https://app.moment.team/{company}/projects/entries/{number:07}"
    """URL of a project's page in Moment"""
    moment_record_url: str = ""
    """URL of another record's page in Moment"""
    twentyfour_api_url: str = "https://api.24sevenoffice.com"
    """Base URL of 24SevenOffice's api host"""
    twentyfour_web_url: str = "https://webservices.24sevenoffice.com"
    """Base URL of 24SevenOffice's webservices host"""
    twentyfour_record_url: str = ""
    """URL of a record's page in 24SevenOffice"""
    twentyfour_requests_per_hour: int = Field(7000, ge=1)
    """Requests an hour for all connections together; 24SevenOffice blocks at 7200"""
    twentyfour_requests_per_second: int = Field(20, ge=1)
    """Requests a second for all connections together; 24SevenOffice responds with 429 above 25"""
    twentyfour_connection_percent: int = Field(75, ge=1, le=99)
    """Share of the hourly requests that one connection may use while no other uses any"""
    connect_seconds: float = Field(10, gt=0)
    """Timeout for connecting to a remote system, and for a request to arrive there"""
    answer_seconds: float = Field(60, gt=0)
    """Timeout for a call to a remote system, up to the last byte of its response"""

    public_url: str = "http://127.0.0.1:8000"
    """Public URL of this installation, for webhooks and links in mails"""
    forwarded_allow_ips: str = ""
    """Proxies whose forwarded client address is trusted: addresses or networks, comma separated, as in uvicorn"""
    openid_issuer: str = ""
    """OpenID provider for sign-in, written as its issuer writes it"""
    openid_client_id: str = ""
    """Client id of this installation at the OpenID provider"""
    openid_client_secret: SecretStr = SecretStr("")
    """Client secret of this installation at the OpenID provider"""
    require_second_factor: bool = False
    """Whether administrators who sign in by password must have a second factor"""
    smtp_url: SecretStr = SecretStr("smtp://127.0.0.1:25")
    """Mail server: smtp://, smtp+starttls:// or smtps://, with user:password@ if it needs a login"""
    sends_mail: bool = False
    """Whether the workers have `SMTP_URL`; tells web, which does not, to offer links by mail"""
    mail_from: str = Field("", validate_default=True)
    """Sender of mails; without one, `moment24` at the host of `PUBLIC_URL`"""

    lease_seconds: int = Field(300, ge=5)
    """How long a silent worker keeps a lane before another worker takes it over"""
    attempt_days: int = Field(180, ge=1)
    """Days that attempts and their recorded calls are kept"""
    job_days: int = Field(730, ge=1)
    """Days that finished jobs are kept after they last changed"""
    alert_days: int = Field(365, ge=1)
    """Days that the email log is kept"""
    audit_days: int = Field(1825, ge=30)
    """Days that the audit log is kept"""
    reconciliation_days: int = Field(2192, ge=1)
    """Days that reconciliations are kept, with what was accepted in them and why"""
    event_days: int = Field(30, ge=6)
    """Days that events for receivers and their deliveries are kept"""
    receiver_private_networks: bool = False
    """Whether event receivers may have private addresses and use HTTP without TLS"""
    worker_threads: int = Field(8, ge=1)
    """Lanes that one worker process drains at a time"""
    api_requests_per_minute: int = Field(600, ge=1)
    """Requests a minute for each API token"""
    metrics_token: SecretStr = SecretStr("")
    """Token that Prometheus sends to read the metrics; without one, they are not served"""
    worker_metrics_port: int = Field(0, ge=0, le=65535)
    """Port where a worker serves its metrics; 0 for none"""
    otel_exporter_otlp_endpoint: str = ""
    """Where traces are sent, by OTLP over HTTP; empty for no traces"""

    @field_validator("public_url", "moment_url", "otel_exporter_otlp_endpoint")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("mail_from")
    @classmethod
    def _sender(cls, value: str, info: ValidationInfo) -> str:
        host = urlsplit(info.data.get("public_url", "")).hostname or ""
        is_name = re.search(r"[^\d.]", host) and ":" not in host
        return value or f"moment24@{host if is_name else 'localhost'}"

    @field_validator("moment_project_url", "moment_record_url", "twentyfour_record_url")
    @classmethod
    def _expect_known_placeholders(cls, value: str, info: ValidationInfo) -> str:
        project = info.field_name == "moment_project_url"
        known = {"number": 1} if project else dict.fromkeys(("kind", "id", "year", "number"), "")
        try:
            value.format(company="", **known)
        except (LookupError, ValueError) as error:
            raise ValueError("contains an unknown placeholder") from error
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr) -> SecretStr:
        if not re.match(r"(smtp|smtp\+starttls|smtps)://.", value.get_secret_value()):
            raise ValueError("must be smtp://, smtp+starttls:// or smtps:// and the name of the mail server")
        return _checked_url(value)


def read_settings(settings_class: type[SettingsT]) -> SettingsT:
    """Read the settings of one process from the environment. Raises WrongSettingsError."""
    try:
        return settings_class()
    except ValidationError as error:
        raise WrongSettingsError("\n".join(problems(error))) from None


def problems(error: ValidationError) -> Iterator[str]:
    """Describe the missing and wrong settings: one line for all missing ones, and one for each wrong one."""
    found = error.errors(include_input=False, include_url=False)
    missing = [str(each["loc"][0]).upper() for each in found if each["type"] == "missing"]
    if missing:
        yield f"{MISSING}{', '.join(missing)}."
    for each in found:
        if each["type"] != "missing":
            yield f"{str(each['loc'][0]).upper()}: {each['msg'].removeprefix('Value error, ')}"


def _checked_url(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        _ = parts.port, (parts.hostname or "").encode("idna")
    except ValueError:
        raise ValueError(
            "cannot be read; in user and password, special characters are written percent-encoded"
        ) from None
    return url
