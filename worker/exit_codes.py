"""The exit codes of the commands; docs/commands.md lists them."""

FINDINGS, REFUSED, UNREACHABLE, CRASHED, STOPPED = 1, 2, 3, 70, 130
