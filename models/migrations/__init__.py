"""The database migrations, one module per version."""
