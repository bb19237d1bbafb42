"""The rules of bookkeeping and of text, which turn a record of one system into one of the other."""
