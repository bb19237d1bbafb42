"""How a batch of jobs is run: attempts, retries, the circuit breaker and alerts."""
