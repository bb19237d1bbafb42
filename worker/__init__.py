"""The Celery apps and the command line: they start the work and contain none of it."""

__version__ = "0.1.0"
