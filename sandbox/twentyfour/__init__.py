"""24SevenOffice on localhost: its SOAP services over books that obey bookkeeping."""
