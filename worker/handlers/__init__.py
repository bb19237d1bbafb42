"""The work of the tasks, one module each."""
