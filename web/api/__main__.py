"""``python -m web.api`` writes the OpenAPI document to ``docs/openapi.json``."""

from pathlib import Path

from web.api.app import openapi_document

if __name__ == "__main__":
    Path("docs/openapi.json").write_text(openapi_document(), encoding="utf-8")
