"""Moment and 24SevenOffice on localhost, as strangers would write them: nothing of the product is known here."""
