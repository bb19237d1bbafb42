"""What is reached from outside: notifications come in, pages go out. It never talks to a remote system."""
