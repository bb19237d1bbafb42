"""Runs commands of ``moment24`` in this process."""

from collections.abc import Mapping

from click.testing import CliRunner, Result

from worker.__main__ import main


def invoke(*arguments: str, typed: str = "", environ: Mapping[str, str | None] | None = None) -> Result:
    """Run a command, with ``typed`` as its input."""
    return CliRunner().invoke(main, arguments, input=typed, env=environ)


def run(*arguments: str, typed: str = "", environ: Mapping[str, str | None] | None = None) -> str:
    """Run a command that succeeds, and return its output."""
    result = invoke(*arguments, typed=typed, environ=environ)
    assert result.exit_code == 0, result.output
    return result.output


def run_refused(*arguments: str, typed: str = "", environ: Mapping[str, str | None] | None = None) -> str:
    """Run a command that is refused, and return its output."""
    result = invoke(*arguments, typed=typed, environ=environ)
    assert result.exit_code != 0, result.output
    assert isinstance(result.exception, SystemExit), result.exception  # otherwise, the user sees a traceback
    return result.output
