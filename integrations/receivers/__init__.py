"""Sending events to event receivers."""
