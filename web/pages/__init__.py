"""The pages, a module for each: thin, since the packages below do the work."""
