"""The web process: webhooks, pages and the API. It calls no remote system but the OpenID provider."""
