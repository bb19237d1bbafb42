"""What the tasks do, one module for each."""
