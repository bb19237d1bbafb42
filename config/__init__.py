"""The settings of an installation, read from its environment by each process and passed on as values."""
