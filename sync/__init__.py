"""The core of the product: flows, the runner that drives them, and the handling of failures."""
