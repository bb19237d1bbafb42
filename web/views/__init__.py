"""What the pages show: templates and the values that they are filled with."""
