"""Users of the pages: accounts, passwords, sign-in and sessions."""
