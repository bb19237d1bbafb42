"""The OpenID provider of an organization, by which its people may sign in."""
