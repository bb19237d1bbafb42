"""The write tests by entity type; each announces what it makes before it does."""
