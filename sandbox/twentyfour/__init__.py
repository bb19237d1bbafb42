"""24SevenOffice on localhost: its SOAP services over a ledger that obeys bookkeeping."""
