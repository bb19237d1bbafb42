"""Rules of bookkeeping and of text: from a record of one system to a record of the other."""
