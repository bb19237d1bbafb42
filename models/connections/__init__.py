"""Connections: their settings, encrypted secrets, webhook activity and alerts."""
