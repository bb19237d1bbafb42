"""Translated texts: English in the code, Norwegian bokmål in ``locales/``."""
