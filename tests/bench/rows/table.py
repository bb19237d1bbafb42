"""Which rows there are, in the order in which they are run; a row of another module is a line here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.pages import pages
from tests.bench.rows.burst import burst
from tests.bench.rows.idle import idle
from tests.bench.rows.many import many

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.bench.figures import Row

ROWS: Mapping[str, Callable[[], Row]] = {"idle": idle, "burst": burst, "many": many}

BY_NAME: Mapping[str, Callable[[], Row]] = {**ROWS, "pages": pages}
"""What can be asked for by its name; what is not a row of its own is run only so."""
