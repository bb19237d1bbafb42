"""The core of the product: the flows, the runner that runs them, and the handling of failures."""
