"""Metrics, traces and the fields of the log."""
