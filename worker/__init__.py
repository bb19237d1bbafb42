"""The Celery shell and the command line: what starts the work, with nothing of the work itself in it."""

__version__ = "0.1.0"
