"""24SevenOffice on localhost: its SOAP services, and a ledger that obeys the rules of bookkeeping."""
