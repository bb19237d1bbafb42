"""The pages, one module each. They are thin; the packages below do the work."""
