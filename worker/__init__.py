"""The Celery apps and the command line: they start the work and contain none of it."""

__version__ = "1.0.0"
