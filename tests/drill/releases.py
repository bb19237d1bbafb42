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
from tests.drill.scene import NotHereError, Outcome, Scene, until

VERSIONS = "models/migrations/versions"
FORMER_VERSION = "0023"
"""The newest tables of the release that is upgraded: at least ten migrations older than this one."""


def former_release() -> str:
    """Return the last commit with no newer tables than these. Raises NotHereError if the history is missing."""
    return _before(f"{int(FORMER_VERSION) + 1:04}")


def previous_release() -> str:
    """Return the last commit before the newest migration. Raises NotHereError, too."""
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


def upgrade(scene: Scene) -> Outcome:
    """Kill the old worker in the middle of a call, upgrade the tables under the old web, and start the new release."""
    former, stack = scene.stack.release, scene.stack
    _leave_work(scene)
    stack.release = ROOT
    stack.command("migrate")
    scene.write(1)  # with webhooks to the old web, on the new tables
    stack.replace()
    seconds = scene.until_well()
    stack.release = former
    return Outcome(
        seconds=seconds, asserted=f"from version {FORMER_VERSION}: what was under way is found, not posted again"
    )


def rollback(scene: Scene) -> Outcome:
    """Downgrade the tables with the new release, as in the runbook, and start the old one."""
    stack, former = scene.stack, scene.stack.release
    stack.stop()
    scene.write(2)
    stack.release = ROOT
    stack.command("migrate", f"--back-to={FORMER_VERSION}", answer="y\n")
    stack.release = former
    stack.replace()
    scene.write(1)
    return Outcome(
        seconds=scene.until_well(), asserted=f"to version {FORMER_VERSION}: no link is lost, nothing is doubled"
    )


def previous(scene: Scene) -> Outcome:
    """Upgrade the tables, and run the previous release on them: the first half of an upgrade or of a rollback."""
    stack, former = scene.stack, scene.stack.release
    with checked_out(previous_release()) as folder:
        stack.release = ROOT
        stack.command("migrate")
        stack.release = folder
        stack.replace()
        scene.write()
        seconds = scene.until_well()
        stack.stop()
        stack.release = former
    return Outcome(seconds=seconds, asserted="the release before works on the newest tables")


def _leave_work(scene: Scene) -> None:
    """Write invoices, and kill the worker while 24SevenOffice still works on its call."""
    scene.add_fault("twentyfour", operation="SaveBundleList", kind="slow", seconds=2)
    before = scene.calls("SaveBundleList")
    scene.write()
    until("the call is under way", lambda: scene.calls("SaveBundleList") > before)
    scene.stack.parts["worker"].kill()
    scene.write(1)


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
