"""A list of Moment, read page by page until it is whole (assumption M19).

Moment ignores ``noLimit``, and tells 25 rows where nothing is asked for. So a list is read by pages, and one that
ends with fewer rows than it says to have is an error, never a shorter truth.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from i18n.messages import msg
from integrations.moment.error_mapping import Call
from integrations.moment.fields import record_id as id_of
from sync.errors import AnswerTooLargeError

Values = Mapping[str, object]
Fetch = Callable[[Mapping[str, str]], Values]
"""Asks for the page that these parameters name."""

MAX_ROWS = 200_000
"""Rows of a list that are read, and that it may claim to have."""
PAGE_SIZES = (500, 100, 50, 25, 5, 1)
"""What is asked for first, and in its place where a page is too large."""
_MAX_IDLE_PAGES = 10
"""Pages in a row that may bring nothing new."""
_MAX_RESTARTS = 3
"""How often a list is read from its beginning again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    """Some rows of a list, of how many pages it is, and of how many records (0 where Moment does not say)."""

    rows: Sequence[Values]
    number: int
    size: int
    total_pages: int
    elements: int


class ListReader:
    """Reads one list.

    Pages are asked for from 0, and counted on from the number that the first one bears, 0 or 1. Where the second
    is the first once more, Moment counts from 1 what it is asked for, and all others are asked for by one more.

    ``fetch`` asks for a page. ``paged`` says that each answer tells which page it is; else one that does not is
    the whole list.
    """

    def __init__(self, call: Call, fetch: Fetch, *, paged: bool = True) -> None:
        self._call, self._fetch, self._paged = call, fetch, paged
        self._shift, self._base = 0, 0
        self._first: list[str] = []
        self._seen = set[str]()

    def rows(self) -> Iterator[Values]:
        """Read the rows, each record once, in the order of their ids.

        Where a page is too large, smaller ones are asked for from there on. Where the list has become shorter
        between two pages, what stood behind has moved up, perhaps past them, and where it ends too soon, something
        was missed: it is read once more. A list that is longer than any, goes on without anything new, or does not
        become whole, is given up.
        """
        place, size, elements, told, restarts, idle = 0, PAGE_SIZES[0], 0, 0, 0, 0
        while True:
            try:
                page = self._page(place, size)
            except AnswerTooLargeError:
                smaller = next((each for each in PAGE_SIZES if each < size), None)
                if smaller is None:
                    raise
                # The second page shows how they are counted (see the class), so that it is not skipped.
                place, size = (place * size // smaller if place > 1 else 0), smaller
                continue
            shrunk = page.elements < elements
            if not shrunk or restarts == _MAX_RESTARTS:
                fresh = [row for row in page.rows if self._is_new(row)]
                yield from fresh
                told += len(fresh)
                if place + 1 < page.total_pages:
                    idle = 0 if fresh or restarts else idle + 1  # what is read once more is nothing new
                    self._check_length(page, place, idle)
                    place, size, elements = place + 1, page.size, page.elements
                    continue
                if told >= page.elements:
                    return
                if restarts == _MAX_RESTARTS:
                    raise self._incomplete(told, page.elements)
            place, elements, restarts = 0, 0, restarts + 1

    def _page(self, place: int, size: int) -> _Page:
        page = self._read(place + self._shift, size)
        ids = [id_of(row.get("id")) for row in page.rows]
        if place == 0:
            self._first, self._base = ids, int(page.number == 1)
        elif place == 1 and not self._shift and ids and ids == self._first:
            self._shift, self._base = 1, page.number
            return self._page(place, size)
        if page.number != self._base + place:
            raise self._another_page()
        return page

    def _read(self, number: int, size: int) -> _Page:
        answer = self._fetch({"page": str(number), "size": str(size), "sort": "id,asc"})
        rows = self._rows(answer)
        if not self._paged and answer.get("page") is None:
            return _Page(rows=rows, number=0, size=size, total_pages=1, elements=0)
        told = answer.get("page")
        page = told if isinstance(told, dict) else {}
        at, total, elements = page.get("number"), page.get("totalPages"), page.get("totalElements", 0)
        if not (isinstance(at, int) and isinstance(total, int) and isinstance(elements, int)):
            raise self._another_page()
        real = page.get("size")
        size = real if isinstance(real, int) and 0 < real < size else size  # Moment may give no more at a time
        return _Page(rows=rows, number=at, size=size, total_pages=total, elements=elements)

    def _rows(self, answer: Values) -> Sequence[Values]:
        rows = answer.get("content")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._call.no_answer(msg("answered with something else than a list"))
        if len(rows) > MAX_ROWS:
            raise self._call.too_large(
                msg("sent more than {count} rows", count=MAX_ROWS), error_code="too_many_rows"
            )
        return rows

    def _is_new(self, row: Values) -> bool:
        """Note a record, and return whether it was not told yet, as far as it has an id."""
        record_id = id_of(row.get("id"))
        known = bool(record_id) and record_id in self._seen
        self._seen.add(record_id)
        return not known

    def _check_length(self, page: _Page, place: int, idle: int) -> None:
        if idle == _MAX_IDLE_PAGES or max(page.total_pages, place + 1) * page.size > MAX_ROWS:
            raise self._call.too_large(
                msg("claims to have a list of {count} pages", count=page.total_pages), error_code="too_many_pages"
            )

    def _another_page(self) -> Exception:
        return self._call.no_answer(msg("answered with another page than the one asked for"))

    def _incomplete(self, told: int, elements: int) -> Exception:
        return self._call.no_answer(
            msg("told {told} of the {count} rows that its list has", told=told, count=elements),
            error_code="incomplete_list",
        )
