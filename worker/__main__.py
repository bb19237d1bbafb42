"""The command line: ``moment24``, or ``python -m worker``.

Nothing but click is imported here: a command is imported when it is called. Its exit codes are those of
docs/commands.md.
"""

import sys
import traceback
from importlib import import_module
from typing import Any

import click

from worker import __version__
from worker.lazy_command import CommandGroup, LazyCommand

REFUSED, STOPPED, CRASHED = 2, 130, 70

COMMANDS = (
    LazyCommand(
        "alive", "worker.cli.installation:alive", "Fail unless beat, Redis and a worker have been at work."
    ),
    LazyCommand("audit", "worker.cli.audit:audit", "Who did what."),
    LazyCommand(
        "connections", "worker.cli.connections:connections", "The companies whose systems are kept in step."
    ),
    LazyCommand("doctor", "worker.cli.doctor:doctor", "Look a connection over in both systems, without writing."),
    LazyCommand("expenses", "worker.cli.onboarding:expenses", "The costs in 24SevenOffice that become expenses."),
    LazyCommand("jobs", "worker.cli.jobs:jobs", "The records that have changed, and their states."),
    LazyCommand("keys", "worker.cli.installation:keys", "The keys that passwords are encrypted with."),
    LazyCommand("migrate", "worker.cli.installation:migrate_", "Bring the database to the newest version."),
    LazyCommand("people", "worker.cli.erasure:people", "What the database knows of a person."),
    LazyCommand("receivers", "worker.cli.receivers:receivers", "The programs that get events, by their numbers."),
    LazyCommand(
        "reconcile", "worker.cli.reconcile:reconcile", "Compare invoices and expenses in Moment with the ledger."
    ),
    LazyCommand(
        "restore", "worker.cli.restore:restore", "Prepare a restored database before anything works on it."
    ),
    LazyCommand("tokens", "worker.cli.tokens:tokens", "The tokens of programs that use the API."),
    LazyCommand("users", "worker.cli.users:users", "The people who may see the pages."),
)
"""What is added here needs a line in docs/commands.md too."""


class CommandLine(CommandGroup):
    """Tells foreseen errors in a few words. What was refused ends with 2, what cannot be reached with 3."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 (as click has it)
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.show()
            raise click.exceptions.Exit(max(error.exit_code, REFUSED)) from None
        except click.exceptions.Exit:
            raise
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nStopped.", err=True)
            raise click.exceptions.Exit(STOPPED) from None
        except Exception as error:
            explained = import_module("worker.cli.errors").explained(error)
            if explained is None:
                raise
            explained.show()
            raise click.exceptions.Exit(max(explained.exit_code, REFUSED)) from error


@click.group(cls=CommandLine, later=COMMANDS)
@click.version_option(__version__, message="moment24 %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Look after the integration of Moment and 24SevenOffice.

    Exit codes: 0 done, 1 something was found, 2 refused or not understood, 3 PostgreSQL, Redis or a remote system
    cannot be reached, 130 stopped.
    """
    if ctx.obj is run:
        import_module("worker.cli.command_log").configure_log()


def run(prog_name: str = "moment24") -> None:
    """Run a command as a process of its own. A crash ends with 70, as 1 means that something was found."""
    try:
        main(prog_name=prog_name, obj=run)
    except Exception:  # noqa: BLE001 (told with its stack, as Python would, but for the code)
        traceback.print_exc()
        sys.exit(CRASHED)


if __name__ == "__main__":
    run("python -m worker")
