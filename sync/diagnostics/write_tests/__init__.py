"""The write tests by entity type; each announces a record before it creates it."""
