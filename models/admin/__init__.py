"""What the pages and the command line show and do."""
