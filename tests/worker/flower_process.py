"""Flower as it is started in production: it has only the broker and its own password."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from local.processes import ROOT
from local.servers import free_ports
from tests.installation import eventually

CREDENTIALS = ("operations", "right")


def flower_command(port: int) -> list[str]:
    command = [sys.executable, "-m", "celery", "-A", "worker.flower", "--quiet", "flower"]
    return [*command, "--address=127.0.0.1", f"--port={port}", "--logging=error"]


@contextmanager
def flower_process(redis_url: str) -> Iterator[str]:
    """Run Flower until the block ends, and yield its URL."""
    [port] = free_ports(0)
    url = f"http://127.0.0.1:{port}"
    environ = {"PATH": os.environ["PATH"], "REDIS_URL": redis_url, "FLOWER_BASIC_AUTH": ":".join(CREDENTIALS)}
    with subprocess.Popen(flower_command(port), cwd=ROOT, env=environ) as running:
        try:
            eventually(lambda: _responds(url))
            yield url
        finally:
            running.kill()


def _responds(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthcheck", timeout=10).ok
    except requests.ConnectionError:
        return False
