"""The inbox: sync jobs, their leases, and what decides when they are due."""
