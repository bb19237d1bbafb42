"""A reader for Moment's lists, page by page until they are complete (assumption M19).

Moment ignores ``noLimit`` and returns 25 rows by default. So lists are read in pages, and a list that ends with
fewer rows than it claims is an error, not a shorter list.

Rows appear and disappear between two pages. So each page but the first begins with a row that was already read: as
that row is still there, the rows after it are on this page, and none has moved past it (decision 55).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from i18n.messages import msg
from integrations.moment.error_mapping import Call
from integrations.moment.fields import record_id as id_of
from sync.errors import AnswerTooLargeError

Values = Mapping[str, object]
Fetch = Callable[[Mapping[str, str]], Values]
"""Fetches the page that these parameters name."""

MAX_ROWS = 200_000
"""Maximum rows of a list, read or claimed."""
PAGE_SIZES = (500, 100, 50, 25, 5, 1)
"""The page size asked for first, and smaller ones for pages that are too large."""
_MAX_IDLE_PAGES = 10
"""Maximum pages in a row without a new record."""
_MAX_RESTARTS = 3
"""How often a list is read again from its beginning."""
_MAX_GAPS = 50
"""How often a page may begin with a row that was not read before, so that the page before is read again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    """Some rows of a list, with the number of its pages and of its records (0 if Moment does not say).

    ``place`` is its index from 0, and ``size`` the rows of a full page.
    """

    rows: Sequence[Values]
    place: int
    number: int
    size: int
    total_pages: int
    elements: int

    @property
    def begins(self) -> int:
        """The index of its first row in the list."""
        return self.place * self.size

    @property
    def ends(self) -> int:
        """The index after its last row in the list."""
        return self.begins + len(self.rows)

    @property
    def is_last(self) -> bool:
        """Whether it is the last page."""
        return self.place + 1 >= self.total_pages


class ListReader:
    """Reads one list.

    Pages are requested from 0, and counted from the number in the first response, 0 or 1. If the second page
    equals the first, Moment counts requested pages from 1, and all further requests are raised by one.

    ``fetch`` requests a page. ``paged`` says that each response has its page number; otherwise, one without is the
    whole list.
    """

    def __init__(self, call: Call, fetch: Fetch, *, paged: bool = True) -> None:
        self._call, self._fetch, self._paged = call, fetch, paged
        self._shift, self._base, self._is_counted = 0, 0, False
        self._first: list[str] = []
        self._seen = set[str]()
        self._passed = set[str]()

    def rows(self) -> Iterator[Values]:
        """Yield the rows, each record once, in the order of ids except for those found late.

        Records that exist throughout are returned; those created or deleted meanwhile may be. If a page is too
        large, smaller ones are requested from there on. If the list ends too soon, it is read again. It is given
        up if it is too long, continues without new records, or does not become complete.
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
                # The second page shows how pages are counted (see the class), so it is not skipped.
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
                # Rows of a repeated reading are not new.
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
        """Return whether records may be missing between those already read and this page.

        Pages too small to begin before ``reach`` show that only by a list that has become shorter.
        """
        if page.place == 0:
            return False
        if page.begins >= reach:
            return lost > 0
        first = id_of(page.rows[0].get("id")) if page.rows else None
        return first != "" and first not in self._passed  # a row without an id proves nothing

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
        """Note a record, and return whether it was not returned yet; one without an id counts as new."""
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
    """Return index and size of the page that continues from row ``reach`` and begins with a row before that.

    Of all sizes up to ``limit``, it is the one with the most new rows. If there is none, as for pages of one row,
    the page begins at ``reach``.
    """
    if reach == 0:
        return 0, limit
    sizes = range(min(limit, reach - 1), 1, -1)
    size = max(sizes, key=lambda each: each - (reach - 1) % each, default=0)
    if size and (reach - 1) % size < size - 1:
        return (reach - 1) // size, size
    return max(reach // limit, 1), limit
