"""The work of the tasks, a module for each."""
