"""The tables and the SQL that they have in common."""
