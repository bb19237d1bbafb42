"""The inbox: sync jobs, their leases, and the rules for when they are due."""
