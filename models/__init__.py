"""Our own database: the only home of SQLAlchemy, where one verb is one transaction."""
