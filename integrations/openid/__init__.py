"""Sign-in with an organization's OpenID provider."""
