"""The 24SevenOffice SOAP API."""
