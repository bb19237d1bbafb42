"""Drills about releases: an upgrade with work in progress, a rollback, and the previous release on newer tables."""

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.processes import ROOT
from local.stack import NotRunningError, output
from tests.drill.demo_system import DemoSystem, NotHereError, Outcome, until

VERSIONS = "models/migrations/versions"
FORMER_VERSION = "0023"
"""The newest tables of the release that is upgraded: at least ten migrations older than this one."""


def former_release() -> str:
    """Return the last commit with no newer tables than these. Raises NotHereError if the history is missing."""
    return _before(f"{int(FORMER_VERSION) + 1:04}")


def previous_release() -> str:
    """Return the last commit before the newest migration. Raises NotHereError if the history is missing."""
    newest = max((ROOT / VERSIONS).glob("[0-9]*.py"))
    return _before(newest.name[:4])


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Check a release out of the history for as long as the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="release-"))
    try:
        archive = folder / "release.tar"
        _git("archive", f"--output={archive}", commit)
        with tarfile.open(archive) as release:
            release.extractall(folder, filter="data")
        yield folder
    finally:
        shutil.rmtree(folder)


def upgrade(demo: DemoSystem) -> Outcome:
    """Kill the old worker in the middle of a call, upgrade the tables under the old web, and start the new release."""
    former, stack = demo.stack.release, demo.stack
    _leave_work(demo)
    stack.release = ROOT
    stack.command("migrate")
    demo.write(1)  # with webhooks to the old web, on the new tables
    stack.replace()
    seconds = demo.until_well()
    stack.release = former
    return Outcome(
        seconds=seconds, asserted=f"from version {FORMER_VERSION}: what was under way is found, not posted again"
    )


def rollback(demo: DemoSystem) -> Outcome:
    """Downgrade the tables with the new release, as in the runbook, and start the old one."""
    stack, former = demo.stack, demo.stack.release
    stack.stop()
    demo.write(2)
    stack.release = ROOT
    stack.command("migrate", f"--back-to={FORMER_VERSION}", answer="y\n")
    stack.release = former
    stack.replace()
    demo.write(1)
    return Outcome(
        seconds=demo.until_well(), asserted=f"to version {FORMER_VERSION}: no link is lost, nothing is doubled"
    )


def previous(demo: DemoSystem) -> Outcome:
    """Upgrade the tables, and run the previous release on them: the first half of an upgrade or of a rollback."""
    stack, former = demo.stack, demo.stack.release
    with checked_out(previous_release()) as folder:
        stack.release = ROOT
        stack.command("migrate")
        stack.release = folder
        stack.replace()
        demo.write()
        seconds = demo.until_well()
        stack.stop()
        stack.release = former
    return Outcome(seconds=seconds, asserted="the release before works on the newest tables")


def _leave_work(demo: DemoSystem) -> None:
    """Write invoices, and kill the worker while 24SevenOffice still works on its call."""
    demo.add_fault("twentyfour", operation="SaveBundleList", kind="slow", seconds=2)
    before = demo.calls("SaveBundleList")
    demo.write()
    until("the call is under way", lambda: demo.calls("SaveBundleList") > before)
    demo.stack.parts["worker"].kill()
    demo.write(1)


def _before(version: str) -> str:
    """Return the commit before the one that first added this migration, whatever its file is called since."""
    added = _git("log", "--diff-filter=A", "--format=%H", "--", f"{VERSIONS}/{version}_*.py").splitlines()
    if not added:
        raise NotHereError(f"the history here does not reach back to before migration {version}")
    return _git("rev-parse", "--verify", f"{added[-1]}^")


def _git(*arguments: str) -> str:
    try:
        return output(("git", *arguments), cwd=ROOT, env=os.environ).strip()
    except (NotRunningError, OSError) as error:
        raise NotHereError(f"git: {error}") from error
