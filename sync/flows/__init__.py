"""The flows: what is done for each entity type."""
