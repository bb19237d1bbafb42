"""The command line for this machine: ``python -m local``."""

import sys
from importlib import import_module


def start() -> None:
    """Run a command. The imports take a second or two, in which Ctrl-C also exits with 130."""
    try:
        import_module("local.commands").main(prog_name="python -m local")
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)  # noqa: T201 - click may not be imported yet
        sys.exit(130)


if __name__ == "__main__":
    start()
