"""Flower is read-only, and limits guesses of its password."""

import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator

import pytest
import requests
from redis import Redis

from local.processes import ROOT
from local.servers import free_ports
from tests.worker.flower_process import CREDENTIALS, flower_command, flower_process
from worker.flower import MAX_GUESSES


@pytest.fixture
def flower(redis_url: str) -> Iterator[str]:
    with flower_process(redis_url) as url:
        yield url


def test_flower_is_read_only(flower: str, redis_url: str) -> None:
    for path in ("/", "/workers", "/tasks", "/broker", "/metrics", "/api/workers"):
        assert requests.get(flower + path, timeout=10).status_code == 401
        assert requests.get(flower + path, auth=CREDENTIALS, timeout=20).status_code == 200
    for path in (
        "worker/shutdown/celery@one",
        "worker/pool/grow/celery@one",
        "worker/queue/cancel-consumer/celery@one?queue=sync",
        "task/apply/sync_invoices",
        "task/async-apply/sync_invoices",
        "task/send-task/sync_invoices",
        "task/revoke/1?terminate=true",
        "task/rate-limit/sync_invoices?workername=one&ratelimit=1",
    ):
        answer = requests.post(f"{flower}/api/{path}", json={"args": [1]}, auth=CREDENTIALS, timeout=10)
        assert answer.status_code in {404, 405}
    assert Redis.from_url(redis_url).llen("sync") == 0


def test_guesses_of_flowers_password_are_limited(flower: str) -> None:
    refused = [requests.get(flower, auth=("operations", "guess"), timeout=10) for _ in range(MAX_GUESSES + 1)]
    assert [each.status_code for each in refused] == [*[401] * MAX_GUESSES, 429]
    assert requests.get(flower, auth=CREDENTIALS, timeout=10).status_code == 429


def test_a_password_that_is_not_ascii_is_a_guess_as_well(flower: str) -> None:
    guess = {"Authorization": "Basic " + b64encode("é:é".encode()).decode()}
    refused = [requests.get(flower, headers=guess, timeout=10).status_code for _ in range(MAX_GUESSES + 1)]
    assert refused == [*[401] * MAX_GUESSES, 429]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("FLOWER_BASIC_AUTH", value) for value in (None, "", "admin:", "admin:replace-me", "admin:Replace-me")),
        ("REDIS_URL", "redis://:replace-me@127.0.0.1:1/0"),
    ],
)
def test_flower_does_not_start_without_secrets_of_its_own(redis_url: str, name: str, value: str | None) -> None:
    secrets = {"REDIS_URL": redis_url, "FLOWER_BASIC_AUTH": ":".join(CREDENTIALS), name: value}
    environ = {"PATH": os.environ["PATH"]} | {key: secret for key, secret in secrets.items() if secret is not None}
    command = flower_command(free_ports(0)[0])
    ended = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode != 0
    assert name in ended.stderr
    assert "Traceback" not in ended.stderr
