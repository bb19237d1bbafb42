"""The commands of ``python -m worker``, a module for each group."""

from i18n.messages import msg

ACTOR = msg("the command line")
"""Who did it, as the records of who changed what have it."""
