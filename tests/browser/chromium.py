"""The Chromium of the browser tests: found on this machine, or Debian's own if root may install it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = ("chromium", "fonts-dejavu-core", "fonts-liberation")
FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
"""It connects only to the pages under test."""

ADVICE = (
    "The browser tests need Chromium: install it (on Debian: apt install chromium) or set CHROMIUM to its program."
)


def find(environ: Mapping[str, str]) -> str | None:
    """Find the program: the one in CHROMIUM, otherwise one on PATH."""
    return environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def running(environ: Mapping[str, str]) -> Iterator[Browser]:
    """Run it until the block ends. Raises FileNotFoundError if there is none."""
    program = find(environ)
    if program is None:
        raise FileNotFoundError(ADVICE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=FLAGS, chromium_sandbox=os.geteuid() != 0
        )
        yield browser
        browser.close()


def main() -> None:
    """Make sure that there is one; exit with a sentence of advice if there is none and none can be installed."""
    if find(os.environ) or (_may_install() and _install() and find(os.environ)):
        return
    sys.exit(ADVICE)


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install() -> bool:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps = (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES])
    return not any(subprocess.call(["apt-get", "-qq", *step], env=quiet) for step in steps)  # noqa: S607 - root's own PATH


if __name__ == "__main__":
    main()
