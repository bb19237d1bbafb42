"""``python -m language``: bring the translations up to date with what the source says."""

from __future__ import annotations

import sys

from language.catalogue import Language
from language.gathering import catalogue, file_of, is_translated, renewed

file_of(Language.NORWEGIAN).write_text(renewed(Language.NORWEGIAN))
missing = [message.id for message in catalogue(Language.NORWEGIAN) if message.id and not is_translated(message)]
sys.stdout.writelines(f"Not translated yet: {text}\n" for text in missing)
