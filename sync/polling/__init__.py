"""Polls: when each connection is polled, and the records that a poll enqueues."""
