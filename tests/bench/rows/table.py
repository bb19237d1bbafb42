"""The rows, in the order in which they are run; a new row is a line here."""

from collections.abc import Callable, Mapping

from tests.bench.figures import Row
from tests.bench.pages import pages
from tests.bench.rows.budget import budget
from tests.bench.rows.burst import burst
from tests.bench.rows.fair import fair
from tests.bench.rows.first_day import first_day
from tests.bench.rows.grow import grow
from tests.bench.rows.idle import idle
from tests.bench.rows.ingest import ingest
from tests.bench.rows.long import long
from tests.bench.rows.many import many

ROWS: Mapping[str, Callable[[], Row]] = {
    "idle": idle,
    "burst": burst,
    "first_day": first_day,
    "many": many,
    "ingest": ingest,
    "fair": fair,
    "grow": grow,
    "long": long,
    "budget": budget,
}

BY_NAME: Mapping[str, Callable[[], Row]] = {**ROWS, "pages": pages}
"""The names that can be requested, including those that are no row of their own."""
