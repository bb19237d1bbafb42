"""Diagnostics: whether a connection works. Checks only read, and write tests clean up."""
