"""What a rehearsal tries out by writing, a module for each kind of record; each tells beforehand what it makes."""
