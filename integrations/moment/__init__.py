"""The Moment REST API."""
