"""Connections: settings, encrypted secrets, webhook activity and the alerts of a connection."""
