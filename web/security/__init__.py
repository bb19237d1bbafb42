"""Authentication, authorization, and the protection of responses."""
