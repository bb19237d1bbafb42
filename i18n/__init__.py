"""What people read, in the language that they read: English in the code, Norwegian bokmål in ``locales/``."""
