"""The command line: ``moment24``, or ``python -m worker``. Only click is imported until a command is called."""

import sys
import traceback
from importlib import import_module
from typing import Any

import click

from worker import __version__, exit_codes
from worker.lazy_command import CommandGroup, LazyCommand

COMMANDS = (
    LazyCommand("alive", "worker.cli.installation:alive", "Check that beat, Redis and a worker are running."),
    LazyCommand("audit", "worker.cli.installation:audit", "Export the audit log."),
    LazyCommand("connections", "worker.cli.connections:connections", "Manage company connections."),
    LazyCommand("doctor", "worker.cli.doctor:doctor", "Test a connection in both systems without writing."),
    LazyCommand("expenses", "worker.cli.onboarding:expenses", "Import costs from 24SevenOffice as expenses."),
    LazyCommand("jobs", "worker.cli.jobs:jobs", "List and manage records and their sync status."),
    LazyCommand("keys", "worker.cli.installation:keys", "Manage the keys that encrypt passwords."),
    LazyCommand("migrate", "worker.cli.installation:migrate_", "Migrate the database to the latest version."),
    LazyCommand("people", "worker.cli.erasure:people", "Find or erase a person's data."),
    LazyCommand("receivers", "worker.cli.receivers:receivers", "Manage event receivers."),
    LazyCommand("reconcile", "worker.cli.reconcile:reconcile", "Reconcile Moment with the ledger."),
    LazyCommand("restore", "worker.cli.restore:restore", "Prepare a restored database before use."),
    LazyCommand("tokens", "worker.cli.tokens:tokens", "Manage API tokens."),
    LazyCommand("users", "worker.cli.users:users", "Manage users."),
)
"""A command added here needs a line in docs/commands.md."""


class CommandLine(CommandGroup):
    """Prints expected errors without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 (click's signature)
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            error.show()
            raise click.exceptions.Exit(max(error.exit_code, exit_codes.REFUSED)) from None
        except click.exceptions.Exit:
            raise
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nStopped.", err=True)
            raise click.exceptions.Exit(exit_codes.STOPPED) from None
        except Exception as error:
            expected = import_module("worker.cli.errors").explain(error)
            if expected is None:
                raise
            expected.show()
            raise click.exceptions.Exit(max(expected.exit_code, exit_codes.REFUSED)) from error


@click.group(cls=CommandLine, later=COMMANDS)
@click.version_option(__version__, message="moment24 %(version)s")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Manage the integration between Moment and 24SevenOffice.

    Exit codes: 0 success, 1 findings, 2 invalid or rejected, 3 PostgreSQL, Redis or a remote system unreachable,
    130 stopped.
    """
    if ctx.obj is run:
        import_module("config.logging").configure_command()


def run(prog_name: str = "moment24") -> None:
    """Run a command as a process. A crash exits with 70, as 1 means findings."""
    try:
        main(prog_name=prog_name, obj=run)
    except Exception:  # noqa: BLE001 (prints the traceback as Python does, with our exit code)
        traceback.print_exc()
        sys.exit(exit_codes.CRASHED)


if __name__ == "__main__":
    run("python -m worker")
