"""Commands that are imported when they are called, so that help and completion are fast."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click


class LazyCommand(click.Command):
    """Stands for the command at ``target``, as ``module:name``; help and completion show the ``summary``."""

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name, short_help=summary)
        self._target = target

    def load(self) -> click.Command:
        module, _, attribute = self._target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 (click's signature)
    ) -> click.Context:
        """Return the context of the command itself, which click then calls."""
        return self.load().make_context(info_name, args, parent, **extra)


class CommandGroup(click.Group):
    """A group that lists some commands without importing them."""

    def __init__(self, *args: Any, later: Sequence[LazyCommand] = (), **extra: Any) -> None:  # noqa: ANN401 (click's signature)
        super().__init__(*args, **extra)
        for command in later:
            self.add_command(command)
