"""Sending events to the programs of others."""
