"""Polls: when each connection is polled, and what a poll enqueues."""
