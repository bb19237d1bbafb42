"""The whole system on one machine: its servers, its processes, and a demo day."""
