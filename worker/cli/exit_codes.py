"""Exit codes of commands that did not simply succeed; docs/commands.md lists them."""

from collections.abc import Iterator
from contextlib import contextmanager

import click

FOUND, STOPPED = 1, 130


class UnreachableError(click.ClickException):
    """PostgreSQL, Redis or a remote system cannot be reached; nothing was done."""

    exit_code = 3


@contextmanager
def if_stopped(how_to_go_on: str) -> Iterator[None]:
    """If Ctrl-C ends the block or the decorated command, print how to continue."""
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\nStopped. {how_to_go_on}", err=True)
        raise click.exceptions.Exit(STOPPED) from None
