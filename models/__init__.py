"""Our own database, and the only code that uses SQLAlchemy. Each public function is one transaction."""
