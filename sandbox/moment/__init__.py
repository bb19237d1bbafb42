"""Moment on localhost: its REST API, its webhooks, and the actions of its users."""
