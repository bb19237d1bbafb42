"""The commands of ``python -m local``."""

import errno
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from dotenv import dotenv_values

from local.demo import play
from local.processes import ROOT
from local.run import run
from local.servers import NoServerError
from local.stack import NotRunningError, Plan, find_wrong_settings, read_values
from worker import exit_codes

folder = click.option(
    "--var",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    default=ROOT / "var",
    help="Where all data are kept [var/]",
)


class NothingRunsError(click.ClickException):
    """``make run`` is not running."""

    exit_code = exit_codes.UNREACHABLE


class Commands(click.Group):
    """Exits with 130 on Ctrl-C, as the integration's own commands do."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nStopped.", err=True)
            raise click.exceptions.Exit(exit_codes.STOPPED) from None


@click.group(cls=Commands)
def main() -> None:
    """Run the integration on this machine. SANDBOX=0 in the environment selects the real systems."""


@main.command("run")
@folder
def run_(var: Path) -> None:
    """Start everything and keep it running until Ctrl-C."""
    environ = _environ()
    if wrong := find_wrong_settings(environ):
        raise click.ClickException(
            "\n".join(("These settings are wrong; docs/settings.md lists them all.", *wrong))
        )
    try:
        run(Plan(state=_state(var, environ), environ=environ, sandbox=_sandbox(environ)))
    except (NoServerError, NotRunningError, OSError) as error:
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        message = f"The disk of {var} is full. Make room, then start again." if full else str(error)
        raise click.ClickException(message) from None


@main.command()
@folder
def demo(var: Path) -> None:
    """Play a working day in a temporary folder, and report what was synced."""
    sys.exit(0 if play(var, environ=os.environ, echo=click.echo) else 1)


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@folder
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker(var: Path, arguments: tuple[str, ...]) -> None:
    """Run ``python -m worker`` with these arguments beside what ``run`` has started."""
    environ = _environ()
    make_run = "make run" if _sandbox(environ) else "make run SANDBOX=0"
    try:
        started_with = read_values(_state(var, environ) / "environment")
    except FileNotFoundError:
        raise NothingRunsError(f"Nothing has been run here yet. Start it with: {make_run}") from None
    servers = [started_with[name] for name in ("DATABASE_URL", "REDIS_URL") if name in started_with]
    if "--help" not in arguments and not all(map(_listens, servers)):
        raise NothingRunsError(f"The database or Redis does not respond. Is `{make_run}` running?")
    os.execve(sys.executable, [sys.executable, "-m", "worker", *arguments], environ | started_with)  # noqa: S606 - our own command


def _environ() -> dict[str, str]:
    """Return the environment, with the values of ``.env``."""
    added = dotenv_values(ROOT / ".env")
    return {name: value for name, value in added.items() if value is not None} | dict(os.environ)


def _sandbox(environ: dict[str, str]) -> bool:
    return environ.get("SANDBOX", "1") != "0"


def _state(var: Path, environ: dict[str, str]) -> Path:
    """The folder with the data; sandbox and real data are separate."""
    return var / ("sandbox" if _sandbox(environ) else "live")


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    with suppress(OSError), socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5):
        return True
    return False
