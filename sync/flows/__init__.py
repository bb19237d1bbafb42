"""The flows: how each entity type is synced."""
