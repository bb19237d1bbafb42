"""The command line for this machine: ``python -m local``."""

import sys
from importlib import import_module

from worker import exit_codes


def start() -> None:
    """Run a command; Ctrl-C exits with 130 even during the imports, which take a second or two."""
    try:
        import_module("local.commands").main(prog_name="python -m local")
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)  # noqa: T201 - click may not be imported yet
        sys.exit(exit_codes.STOPPED)


if __name__ == "__main__":
    start()
