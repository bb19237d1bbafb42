"""The web process: it receives webhooks and serves pages and the API. It never calls a remote system."""
