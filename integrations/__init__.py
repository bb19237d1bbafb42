"""The remote systems, a package for each: their terms are used inside, ours outside."""
