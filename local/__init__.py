"""The whole system on one machine: the servers it stands on, its processes, and a day played on them."""
