"""The content of the pages: templates and their values."""
