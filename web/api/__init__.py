"""The JSON API below ``/api/v1``: each request carries a token, and each error is a problem of RFC 9457."""
