"""A list of Moment, read page by page until it is whole (assumption M19).

Moment ignores ``noLimit``, and tells 25 rows where nothing is asked for. So a list is read by pages, and one that
ends with fewer rows than it says to have is an error, never a shorter truth.

Rows come and go between two pages. Each page but the first therefore begins with a row that was told already: what
stands behind that row stands on this page, so that nothing can have moved past it (decision 55).
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
_MAX_GAPS = 50
"""How often a page may begin with a row that was not told, so that one before it is read again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    """Some rows of a list, of how many pages it is, and of how many records (0 where Moment does not say).

    ``place`` counts from 0, and ``size`` is how many rows a full page has.
    """

    rows: Sequence[Values]
    place: int
    number: int
    size: int
    total_pages: int
    elements: int

    @property
    def begins(self) -> int:
        """Where in the list it begins."""
        return self.place * self.size

    @property
    def ends(self) -> int:
        """Where in the list the next row would be."""
        return self.begins + len(self.rows)

    @property
    def is_last(self) -> bool:
        """Whether no page comes after it."""
        return self.place + 1 >= self.total_pages


class ListReader:
    """Reads one list.

    Pages are asked for from 0, and counted on from the number that the first one bears, 0 or 1. Where the second
    is the first once more, Moment counts from 1 what it is asked for, and all others are asked for by one more.

    ``fetch`` asks for a page. ``paged`` says that each answer tells which page it is; else one that does not is
    the whole list.
    """

    def __init__(self, call: Call, fetch: Fetch, *, paged: bool = True) -> None:
        self._call, self._fetch, self._paged = call, fetch, paged
        self._shift, self._base, self._is_counted = 0, 0, False
        self._first: list[str] = []
        self._seen = set[str]()
        self._passed = set[str]()

    def rows(self) -> Iterator[Values]:
        """Read the rows, each record once, in the order of their ids but for what is found late.

        A record that is there all the while is told; one that is made or deleted meanwhile may be. Where a page
        is too large, smaller ones are asked for from there on. Where the list ends too soon, it is read once more.
        One that is longer than any, goes on without anything new, or does not become whole, is given up.
        """
        reach, limit, elements, told = 0, PAGE_SIZES[0], 0, 0
        restarts = gaps = idle = 0
        while True:
            place, size = _next_page(reach, limit)
            try:
                page = self._page(place, size)
            except AnswerTooLargeError:
                smaller = next((each for each in PAGE_SIZES if each < limit), None)
                if smaller is None:
                    raise
                # The second page shows how they are counted (see the class), so that it is not skipped.
                reach, limit = (reach if self._is_counted else 0), smaller
                continue
            limit = page.size if page.size < size else limit  # Moment may give no more at a time
            lost = elements - page.elements
            elements = page.elements
            if self._has_gap(page, reach, lost=lost):
                gaps += 1
                if gaps > _MAX_GAPS:
                    raise self._incomplete(told, elements)
                reach -= max(limit, lost)
                reach = reach if reach >= limit else 0
                continue
            fresh = [row for row in page.rows if self._is_new(row)]
            yield from fresh
            told += len(fresh)
            if not page.is_last:
                # What is read once more is nothing new.
                idle = 0 if fresh or (restarts and page.ends > reach) else idle + 1
                self._check_length(page, idle)
                reach = page.ends
            elif told >= elements:
                return
            elif restarts == _MAX_RESTARTS:
                raise self._incomplete(told, elements)
            else:
                self._passed.clear()
                reach, restarts = 0, restarts + 1

    def _has_gap(self, page: _Page, reach: int, *, lost: int) -> bool:
        """Return whether records may stand between what was told and this page.

        Pages too small to begin before ``reach`` show that by nothing but a list that is shorter than before.
        """
        if page.place == 0:
            return False
        if page.begins >= reach:
            return lost > 0
        first = id_of(page.rows[0].get("id")) if page.rows else None
        return first != "" and first not in self._passed  # without an id nobody can tell

    def _page(self, place: int, size: int) -> _Page:
        page = self._read(place, size)
        ids = [id_of(row.get("id")) for row in page.rows]
        if place == 0:
            self._first, self._base = ids, int(page.number == 1)
        elif place == 1 and not self._shift and ids and ids == self._first[: len(ids)]:
            self._shift, self._base = 1, page.number
            return self._page(place, size)
        if page.number != self._base + place:
            raise self._another_page()
        self._is_counted = self._is_counted or place > 0
        return page

    def _read(self, place: int, size: int) -> _Page:
        answer = self._fetch({"page": str(place + self._shift), "size": str(size), "sort": "id,asc"})
        rows = self._rows(answer)
        if not self._paged and answer.get("page") is None:
            return _Page(rows=rows, place=place, number=place, size=size, total_pages=1, elements=0)
        told = answer.get("page")
        page = told if isinstance(told, dict) else {}
        at, total, elements = page.get("number"), page.get("totalPages"), page.get("totalElements", 0)
        if not (isinstance(at, int) and isinstance(total, int) and isinstance(elements, int)):
            raise self._another_page()
        real = page.get("size")
        size = real if isinstance(real, int) and real > 0 else size
        return _Page(rows=rows, place=place, number=at, size=size, total_pages=total, elements=elements)

    def _rows(self, answer: Values) -> Sequence[Values]:
        rows = answer.get("content")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._call.no_answer(msg("responded with something other than a list"))
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
        self._passed.add(record_id)
        return not known

    def _check_length(self, page: _Page, idle: int) -> None:
        if idle == _MAX_IDLE_PAGES or max(page.total_pages, page.place + 1) * page.size > MAX_ROWS:
            raise self._call.too_large(
                msg("claims its list has {count} pages", count=page.total_pages), error_code="too_many_pages"
            )

    def _another_page(self) -> Exception:
        return self._call.no_answer(msg("responded with a different page than requested"))

    def _incomplete(self, told: int, elements: int) -> Exception:
        return self._call.no_answer(
            msg("returned {told} of the {count} rows in its list", told=told, count=elements),
            error_code="incomplete_list",
        )


def _next_page(reach: int, limit: int) -> tuple[int, int]:
    """Return place and size of the page that goes on from row ``reach``, and begins with a row before that.

    Of all sizes up to ``limit``, it is the one by which most rows are new. Where there is none, as for pages of
    one row, the page begins at ``reach``.
    """
    if reach == 0:
        return 0, limit
    sizes = range(min(limit, reach - 1), 1, -1)
    size = max(sizes, key=lambda each: each - (reach - 1) % each, default=0)
    if size and (reach - 1) % size < size - 1:
        return (reach - 1) // size, size
    return max(reach // limit, 1), limit
