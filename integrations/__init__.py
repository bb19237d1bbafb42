"""The remote systems: a folder for each, their words inside, ours outside."""
