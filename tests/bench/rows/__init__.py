"""The rows of the report, each a function that runs what it measures and returns the figures."""
