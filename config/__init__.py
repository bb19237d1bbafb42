"""What an installation is told by its environment; read by the processes and passed on as values."""
