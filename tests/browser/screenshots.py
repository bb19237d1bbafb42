"""``make screenshots``: pictures of every page after a working day, for ``docs/screenshots/``."""

import os
import re
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Browser

from local.processes import ROOT, end_on_signals
from tests.browser.browser_user import WINDOWS, Person
from tests.browser.chromium import running
from tests.browser.filled_system import PASSWORD, add_user, addresses, filled_system, special
from tests.journeys.running_system import RunningSystem
from worker import __version__

FOLDER = ROOT / "docs" / "screenshots"
PAGES_DIGEST = "pages.sha256"
"""The file with :func:`pages_digest` of when the screenshots were taken."""

SHOWN = ("light", "dark", "phone")
WHO = "anne@example.com"
COLORS = 64
CONNECTION, RECORD = "/connections/{connection_id}", "/records/{job_id}"
PARAMETER = re.compile(r"/[\w-]+/\{(\w+?)(?:_id)?\}")


def main() -> None:
    """Take all screenshots again."""
    end_on_signals()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    with TemporaryDirectory() as state, (Path(state) / "log").open("w") as log:

        def log_line(name: str, line: str) -> None:
            log.write(f"{name:<8} | {line}\n")

        with filled_system(Path(state), log=log_line) as running_system, running(os.environ) as browser:
            add_user(running_system, WHO)
            for window in SHOWN:
                take(running_system, browser, window)
    (FOLDER / PAGES_DIGEST).write_text(f"{pages_digest()}\n")


def pages_digest() -> str:
    """Return a digest of the version, templates and styles, which changes with how the pages look."""
    files = sorted(each for folder in ("templates", "static") for each in (ROOT / "web" / folder).iterdir())
    digest = sha256(__version__.encode())
    for each in files:
        digest.update(each.name.encode() + each.read_bytes())
    return digest.hexdigest()


def take(running_system: RunningSystem, browser: Browser, window: str) -> None:
    """Take a screenshot of every page, from its top, and of special pages."""
    with browser.new_context(**WINDOWS[window]) as context:
        person = Person(context=context, url=running_system.stack.addresses["web"])
        person.open("/sign-in")
        keep(person, f"sign-in-{window}")
        person.sign_in(WHO, PASSWORD)
        tour = addresses(running_system, person)
        for route in tour.keys() - {"/sign-in", RECORD}:
            person.open(tour[route])
            keep(person, f"{name(route)}-{window}")
        person.open(f"{tour[CONNECTION]}/settings")
        keep(person, f"settings-{window}")
        for called, address in special(person, tour[CONNECTION]).items():
            person.open(address)
            keep(person, f"{called}-{window}")
    sys.stdout.write(f"{window}: {sum(1 for _ in FOLDER.glob(f'*-{window}.png'))} pages\n")


def keep(person: Person, called: str) -> None:
    """Save the window's content in as few colors as text needs, so that the pictures stay small."""
    picture = Image.open(BytesIO(person.page.screenshot(animations="disabled"))).convert("RGB")
    few = picture.quantize(COLORS, method=Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    few.save(FOLDER / f"{called}.png", optimize=True)


def name(route: str) -> str:
    """Name the page of a route: ``/records`` is records, ``/records/{job_id}`` is job."""
    return re.sub("[/_]", "-", PARAMETER.sub(r"/\1", route).strip("/")) or "overview"


if __name__ == "__main__":
    main()
