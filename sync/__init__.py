"""What the product is: flows, the runner that drives them, and the rules for failure."""
