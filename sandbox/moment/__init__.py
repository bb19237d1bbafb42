"""Moment on localhost: its REST API, its webhooks, and what its users do there."""
