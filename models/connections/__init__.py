"""Connections: their settings, encrypted secrets and alerts."""
