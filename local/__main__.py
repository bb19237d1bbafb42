"""The command line of this machine: ``python -m local``."""

import sys
from importlib import import_module


def start() -> None:
    """Run a command. Importing them takes a second or two, in which Ctrl-C ends with 130 as later on."""
    try:
        import_module("local.commands").main(prog_name="python -m local")
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)  # noqa: T201 - there may be no click yet
        sys.exit(130)


if __name__ == "__main__":
    start()
