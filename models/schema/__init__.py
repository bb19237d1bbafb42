"""The tables, and the SQL that they share."""
