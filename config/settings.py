"""The settings of an installation, from its environment, with production defaults; secrets show as asterisks."""

import binascii
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from typing import Annotated, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

KEY_BYTES = 32
MISSING = "These settings are missing: "

Kind = TypeVar("Kind", bound=BaseSettings)


class WrongSettingsError(Exception):
    """Some settings are missing or wrong; the message says which, and why."""


class LogSettings(BaseSettings):
    """What each process knows of its log."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, use_attribute_docstrings=True
    )

    log_format: Literal["text", "json"] = "json"
    """Shape of the log"""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least level logged"""


class DatabaseSettings(LogSettings):
    """The address of PostgreSQL, with the log."""

    database_url: SecretStr
    """PostgreSQL, as postgresql://user:password@host:port/name"""

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr) -> SecretStr:
        if not re.match(r"postgres(ql)?(\+\w+)?://", value.get_secret_value()):
            raise ValueError("has to begin with postgresql://")
        return _with_port(value)


class MigrationSettings(DatabaseSettings):
    """What `worker migrate` reads: it encrypts anew where a release encrypts otherwise."""

    secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(min_length=1)
    """Fernet keys for passwords at rest, newest first, comma separated; older ones still open"""

    @field_validator("secret_keys")
    @classmethod
    def _fernet_keys(cls, value: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for place, key in enumerate(value, 1):
            try:
                length = len(urlsafe_b64decode(key.get_secret_value()))
            except (binascii.Error, ValueError):
                length = 0
            if length != KEY_BYTES:
                raise ValueError(
                    f"number {place} of {len(value)} is no key; `python -m worker keys new` makes one"
                )
        return value

    @field_validator("secret_keys", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value


class BeatSettings(DatabaseSettings):
    """What beat reads: no key, so it opens no password in the database."""

    redis_url: SecretStr
    """Redis with noeviction, as redis://:password@host:port/0; a single server, no Sentinel and no Cluster"""
    dispatch_seconds: float = Field(5, gt=0)
    """How often beat looks for what is due"""
    poll_seconds: float = Field(300, gt=0)
    """How often Moment is asked for what changed"""

    @field_validator("redis_url")
    @classmethod
    def _single_redis(cls, value: SecretStr) -> SecretStr:
        scheme, _, rest = value.get_secret_value().partition("://")
        if "sentinel" in scheme or "cluster" in scheme or "," in rest.partition("/")[0]:
            raise ValueError(
                "leads to Sentinels or a Cluster, which are not supported; give the address of a single server, "
                "or of a proxy that follows the primary, as redis://:password@host:port/0"
            )
        if scheme not in {"redis", "rediss"}:
            raise ValueError("has to begin with redis://, or rediss:// for TLS")
        return _with_port(value)


class Settings(BeatSettings, MigrationSettings):
    """What web, workers and the command line read."""

    application_id: str = "00000000-0000-0000-0000-000000000000"
    """The ApplicationId that 24SevenOffice gave this integration"""
    moment_url: str = "https://app.moment.team/api/1.0"
    """Base address of Moment's API"""
    moment_customer_includes: str = Field("base+email+phone+addresses", pattern=r"[A-Za-z0-9+,]*")
    """What Moment includes where a customer is read; it leaves the e-mail address out unless asked for"""
    moment_project_url: str = "https://app.moment.team/{company}/projects/entries/{number:07}"
    """Where a person opens a project in Moment"""
    moment_record_url: str = ""
    """Where a person opens another record in Moment"""
    twentyfour_api_url: str = "https://api.24sevenoffice.com"
    """Base address of 24SevenOffice's api host"""
    twentyfour_web_url: str = "https://webservices.24sevenoffice.com"
    """Base address of 24SevenOffice's webservices host"""
    twentyfour_record_url: str = ""
    """Where a person opens a record in 24SevenOffice"""
    twentyfour_requests_per_hour: int = Field(7000, ge=1)
    """Requests in any hour for all connections; 24SevenOffice blocks at 7200"""
    twentyfour_requests_per_second: int = Field(20, ge=1)
    """Requests a second for all connections; 24SevenOffice answers 429 above 25"""
    twentyfour_reserve_percent: int = Field(50, ge=0, le=90)
    """Part of the requests of an hour that polls leave to events"""
    twentyfour_connection_percent: int = Field(75, ge=1, le=99)
    """Part of the requests of an hour that one connection may take while no other takes any"""
    connect_seconds: float = Field(10, gt=0)
    """Time-out for reaching a remote system, and for a request to arrive there"""
    answer_seconds: float = Field(60, gt=0)
    """How long a call to a remote system may take, up to the last byte of its answer"""

    public_url: str = "http://127.0.0.1:8000"
    """Where this installation is reached: webhooks, links in mails"""
    forwarded_allow_ips: str = ""
    """Proxies that are believed for whom they ask: addresses or networks, comma separated; as it is for uvicorn"""
    openid_issuer: str = ""
    """OpenID provider that people may sign in by, as its issuer writes its address"""
    openid_client_id: str = ""
    """What the OpenID provider calls this installation"""
    openid_client_secret: SecretStr = SecretStr("")
    """What the OpenID provider gave this installation to prove itself"""
    require_second_factor: bool = False
    """Whether administrators who sign in by password must have a second factor"""
    smtp_url: SecretStr = SecretStr("smtp://127.0.0.1:25")
    """Mail server: smtp://, smtp+starttls:// or smtps://, with user:password@ where it asks"""
    mail_from: str = "bridge@localhost"
    """Sender of the mails"""

    lease_seconds: int = Field(300, ge=5)
    """How long a silent worker keeps a lane before another takes it over"""
    attempt_days: int = Field(180, ge=1)
    """Days that attempts are kept, with what was said in them"""
    job_days: int = Field(730, ge=1)
    """Days that settled changes are kept, unless heard of"""
    alert_days: int = Field(365, ge=1)
    """Days that it is kept what was told in mails"""
    audit_days: int = Field(1825, ge=30)
    """Days that it is kept who did what"""
    reconciliation_days: int = Field(2192, ge=1)
    """Days that reconciliations are kept, with what was accepted in them and why"""
    event_days: int = Field(30, ge=6)
    """Days that events for receivers are kept, with their deliveries"""
    receiver_private_networks: bool = False
    """Whether event receivers may be at private addresses, and be reached without TLS"""
    worker_threads: int = Field(8, ge=1)
    """Lanes that one worker process drains at a time"""
    api_requests_per_minute: int = Field(600, ge=1)
    """Requests that an API token may make in a minute"""
    metrics_token: SecretStr = SecretStr("")
    """Token that Prometheus sends to read the metrics; without one, they are not served"""
    worker_metrics_port: int = Field(0, ge=0, le=65535)
    """Port at which a worker tells its metrics; 0 for none"""
    otel_exporter_otlp_endpoint: str = ""
    """Where traces are sent, by OTLP over HTTP; without it there are none"""

    @field_validator("public_url", "moment_url", "otel_exporter_otlp_endpoint")
    @classmethod
    def _bare(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("moment_project_url", "moment_record_url", "twentyfour_record_url")
    @classmethod
    def _fillable(cls, value: str, info: ValidationInfo) -> str:
        project = info.field_name == "moment_project_url"
        known = {"number": 1} if project else dict.fromkeys(("kind", "id", "year", "number"), "")
        try:
            value.format(company="", **known)
        except (LookupError, ValueError) as error:
            raise ValueError("has braces that stand for nothing") from error
        return value

    @field_validator("smtp_url")
    @classmethod
    def _mail_server(cls, value: SecretStr) -> SecretStr:
        if not re.match(r"(smtp|smtp\+starttls|smtps)://.", value.get_secret_value()):
            raise ValueError("has to be smtp://, smtp+starttls:// or smtps:// and the name of the mail server")
        return _with_port(value)


def read_settings(kind: type[Kind]) -> Kind:
    """Read one process's from the environment. Raises WrongSettingsError."""
    try:
        return kind()
    except ValidationError as error:
        raise WrongSettingsError("\n".join(problems(error))) from None


def problems(error: ValidationError) -> Iterator[str]:
    """Say which settings are missing or wrong and why, a line for all that are missing and one for each other."""
    found = error.errors(include_input=False, include_url=False)
    missing = [str(each["loc"][0]).upper() for each in found if each["type"] == "missing"]
    if missing:
        yield f"{MISSING}{', '.join(missing)}."
    for each in found:
        if each["type"] != "missing":
            yield f"{str(each['loc'][0]).upper()}: {each['msg'].removeprefix('Value error, ')}"


def _with_port(address: SecretStr) -> SecretStr:
    try:
        url = urlsplit(address.get_secret_value())
        _ = url.port, (url.hostname or "").encode("idna")
    except ValueError:
        raise ValueError(
            "cannot be read; in user and password, special characters are written percent-encoded"
        ) from None
    return address
