"""Diagnostics: whether a connection works, by checks that only read, and by write tests that clean up."""
