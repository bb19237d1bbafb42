"""The remote systems, with a package for each: it uses the system's terms inside, and ours in its interface."""
