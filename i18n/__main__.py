"""``python -m i18n``: update the translations from the source."""

import sys

from i18n.catalog import Language, catalog, file_of
from i18n.extraction import is_translated, updated_file

file_of(Language.NORWEGIAN).write_text(updated_file(Language.NORWEGIAN))
missing = [message.id for message in catalog(Language.NORWEGIAN) if message.id and not is_translated(message)]
sys.stdout.writelines(f"Not translated yet: {text}\n" for text in missing)
