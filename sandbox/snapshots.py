"""Snapshots of both systems' data, saved soon after each change; only the version that wrote one can read it."""

import asyncio
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

DEBOUNCE_SECONDS = 0.5
SAFE_METHODS = {"GET", "HEAD"}


class SnapshotStore:
    """Stores what ``snapshot`` returns, anything that pickle accepts, in ``path``; without a path, nothing."""

    def __init__(self, path: Path | None, *, snapshot: Callable[[], object]) -> None:
        self._path = path
        self._snapshot = snapshot
        self._changed = asyncio.Event()

    def load(self) -> Any | None:  # noqa: ANN401 - the caller knows what it stored
        """Return what was stored, None if nothing was; ends the process if the file can no longer be read."""
        if self._path is None or not self._path.exists():
            return None
        try:
            return pickle.loads(self._path.read_bytes())  # noqa: S301 - it is our own file
        except (AttributeError, EOFError, ImportError, pickle.UnpicklingError) as error:
            raise SystemExit(
                f"{self._path} is of another version of the sandbox: delete it to start over"
            ) from error

    def save(self) -> None:
        if self._path is None:
            return
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            pickle.dump(self._snapshot(), file)
        fresh.replace(self._path)

    def track_changes(self, app: ASGIApp) -> ASGIApp:
        """Wrap an app, so that each request that may change data triggers a save."""

        async def tracked_app(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await app(scope, receive, send)
            finally:
                if scope.get("method") not in SAFE_METHODS:
                    self._changed.set()

        return tracked_app

    async def save_changes(self) -> None:
        """Save after each change, with a short pause in between, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            self.save()
            await asyncio.sleep(DEBOUNCE_SECONDS)
