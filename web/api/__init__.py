"""The JSON API under ``/api/v1``: requests carry a token, and errors are problems of RFC 9457."""
