"""Queries and actions of the pages, the API and the command line."""
