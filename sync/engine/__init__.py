"""What the runner and the flows share: the context of a batch, outcomes, retries and recorded calls."""
