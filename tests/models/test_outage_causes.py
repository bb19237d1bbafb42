"""The cause of an outage of PostgreSQL is a sentence with its remedy, never with the password."""

from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from local.servers import free_ports
from models.database import Database, DatabaseUnavailableError, migrate
from tests.pooler import pooler


def refusal(url: str) -> DatabaseUnavailableError:
    """Try to connect to a database in vain, as the processes do and as a migration does."""
    database = Database(SecretStr(url), pool_size=1)
    with pytest.raises(DatabaseUnavailableError) as caught, database.statement() as connection:
        connection.execute(text("select 1"))
    with pytest.raises(DatabaseUnavailableError, match=str(caught.value)[:40]):
        migrate(SecretStr(url))
    database.close()
    assert "hunter2" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("change", "cause", "cure"),
    [
        ({"password": "hunter2"}, "password", "refuses the user or the password in DATABASE_URL. Correct them"),
        ({"host": "no..where"}, "unknown_host", "host name in DATABASE_URL does not resolve. Correct it"),
        ({"port": free_ports(0)[0]}, "refused", "Nothing listens at the host and port in DATABASE_URL. Start"),
        (
            {"name": "nowhere"},
            "unknown_database",
            "no database with the name in DATABASE_URL. Correct or create it",
        ),
    ],
)
def test_the_sentence_about_a_wrong_address_names_the_wrong_part(
    database_url: str, change: dict[str, object], cause: str, cure: str
) -> None:
    url = urlsplit(database_url)
    parts = {"password": url.password, "host": url.hostname, "port": url.port, "name": url.path[1:], **change}
    address = "postgresql://moment24:{password}@{host}:{port}/{name}".format(**parts)
    error = refusal(address)
    assert (error.cause, cure in str(error)) == (cause, True)


@pytest.mark.parametrize(
    ("says", "cause"),
    [
        ("no such database: bridge", "unknown_database"),
        ("SASL authentication failed", "password"),
        ("query_wait_timeout", "pooler_alone"),
        ("no more connections allowed (max_client_conn)", "too_many_connections"),
        ("unsupported startup parameter: search_path", "pooler"),
        ("sorry, too many clients already", "too_many_connections"),
        ("the database system is starting up", "restarting"),
        ('no pg_hba.conf entry for host "10.0.0.7", user "moment24", database "bridge"', "not_allowed"),
        ("it has a bad day", "unreachable"),
    ],
)
def test_the_error_of_a_server_or_pooler_is_quoted(database_url: str, says: str, cause: str) -> None:
    with pooler(database_url, error=says) as url:
        assert refusal(url).cause == cause
