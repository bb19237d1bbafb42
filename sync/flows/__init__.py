"""The flows: the work for each entity type."""
