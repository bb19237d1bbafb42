"""The commands of ``python -m worker``, a module for each group."""

from language.said import say

WHO = say("the command line")
"""Who did it, as the records of who changed what have it."""
