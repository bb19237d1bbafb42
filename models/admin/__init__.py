"""The queries and actions of the pages and the command line."""
