"""The mails that ask people to correct something."""
