"""What is done for one kind of record, a module for each kind."""
