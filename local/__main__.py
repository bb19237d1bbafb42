"""The command line of this machine: ``python -m local``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from dotenv import dotenv_values

from local.demo import play
from local.environment import kept
from local.processes import ROOT
from local.run import run
from local.servers import NoServer
from local.stack import NotUp, Plan

folder = click.option(
    "--var",
    type=click.Path(path_type=Path, file_okay=False, resolve_path=True),
    default=ROOT / "var",
    help="Where all data are kept [var/]",
)


@click.group()
def main() -> None:
    """Run the bridge on this machine. SANDBOX=0 in the environment means the real Moment and 24SevenOffice."""


@main.command("run")
@folder
def run_(var: Path) -> None:
    """Start everything and keep it running until Ctrl-C."""
    environ = _environ()
    try:
        run(Plan(state=_state(var, environ), environ=environ, sandbox=_sandbox(environ)))
    except (NoServer, NotUp, OSError) as error:
        raise click.ClickException(str(error)) from None


@main.command()
@folder
def demo(var: Path) -> None:
    """Play a working day in a temporary folder, and report what arrived where."""
    sys.exit(0 if play(var, environ=os.environ, tell=click.echo) else 1)


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@folder
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def worker(var: Path, arguments: tuple[str, ...]) -> None:
    """Run ``python -m worker`` with these arguments beside what ``run`` has started."""
    environ = _environ()
    try:
        started_with = kept(_state(var, environ) / "environment")
    except FileNotFoundError:
        raise click.ClickException("Nothing has been run here yet: make run") from None
    os.execve(sys.executable, [sys.executable, "-m", "worker", *arguments], environ | started_with)  # noqa: S606 - our own command


def _environ() -> dict[str, str]:
    """Tell the environment, with what ``.env`` adds to it."""
    added = dotenv_values(ROOT / ".env")
    return {name: value for name, value in added.items() if value is not None} | dict(os.environ)


def _sandbox(environ: dict[str, str]) -> bool:
    return environ.get("SANDBOX", "1") != "0"


def _state(var: Path, environ: dict[str, str]) -> Path:
    """Tell the folder with the data; what is real and what is not are kept apart."""
    return var / ("sandbox" if _sandbox(environ) else "live")


if __name__ == "__main__":
    main(prog_name="python -m local")
