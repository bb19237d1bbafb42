"""The rules of bookkeeping and of text by which a record of one system becomes a record of the other."""
