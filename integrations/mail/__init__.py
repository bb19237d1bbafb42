"""The mails that tell a person what to mend."""
