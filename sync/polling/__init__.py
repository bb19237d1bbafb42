"""Polls: when each connection is polled, and what a poll puts into the inbox."""
