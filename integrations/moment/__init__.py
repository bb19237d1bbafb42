"""Moment over REST."""
