"""``make release-check``: whether the last commit can be released.

What takes no time comes first: whether everything is committed, and whether versions and screenshots are current. Then
the commit is cloned into an empty folder, where everything is installed from the lock files and tried with another
HOME.
"""

import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from click import echo

from local.processes import ROOT, end_on_signals
from tests.browser.screenshots import FOLDER, PAGES_DIGEST, pages_digest

TARGETS = ("check", "try-install", "test", "test-browser", "demo", "audit")
KEPT = ("PATH", "LANG", "TERM", "PYTHON", "SSL_CERT_FILE", "HTTPS_PROXY", "PIP_INDEX_URL", "PIP_CERT")
"""Variables of this shell that the clone sees: where programs are found, and how packages are reached."""

NEWEST = re.compile(r"^## (\S+)", re.MULTILINE)


def main() -> None:
    """Try each target. Ends with 1 if one failed, or before the first one if the folder is not ready."""
    end_on_signals()
    _end_if(list(_problems()))
    failures: list[str] = []
    with TemporaryDirectory() as folder:
        clone, home = Path(folder) / "clone", Path(folder) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)  # noqa: S607 - the git of this shell
        environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {"HOME": str(home)}
        for target in TARGETS:
            began = time.monotonic()
            failed = subprocess.run(["make", target], cwd=clone, env=environment, check=False).returncode  # noqa: S607 - its make
            echo(f"make {target}: {'failed' if failed else 'ok'} after {time.monotonic() - began:.0f} s")
            failures += [f"make {target} failed."] if failed else []
    _end_if(failures)


def _end_if(problems: Sequence[str]) -> None:
    for problem in problems:
        echo(problem, err=True)
    if problems:
        sys.exit(1)


def _problems() -> Iterator[str]:
    if _git("status", "--porcelain"):
        yield "Some changes are not committed; the clone does not have them."
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = NEWEST.search((ROOT / "CHANGELOG.md").read_text())
    if not newest or newest[1] != version:
        yield f"pyproject.toml says {version}, but the newest release in CHANGELOG.md is {newest and newest[1]}."
    if (FOLDER / PAGES_DIGEST).read_text().strip() != pages_digest():
        yield "The pages have changed since the screenshots were taken: run make screenshots."


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout  # noqa: S607 - the same


if __name__ == "__main__":
    main()
