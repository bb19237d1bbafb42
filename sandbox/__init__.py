"""Moment and 24SevenOffice on localhost, written as outsiders would: the product's code is not used here."""
