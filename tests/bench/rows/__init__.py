"""The rows of the report, each a function that runs what it measures and tells the figures."""
