"""24SevenOffice over SOAP."""
