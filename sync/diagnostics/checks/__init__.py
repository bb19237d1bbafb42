"""What the doctor looks at, a module for each place; nothing here writes anything anywhere."""
