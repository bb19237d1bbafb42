"""A reader for Moment's lists, page by page until they are complete (assumption M19).

Moment ignores ``noLimit``, and a list with fewer rows than it claims is an error. Rows appear and disappear
between pages, so each page but the first begins with a row that was already read: while that row is there, none
has moved past it (decision 55).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from i18n.messages import msg
from integrations.moment.error_mapping import Call
from integrations.moment.fields import record_id as id_of
from sync.error_codes.names import INCOMPLETE_LIST, TOO_MANY_PAGES, TOO_MANY_ROWS
from sync.errors import ResponseTooLargeError

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
    """A page: ``index`` counts from 0, ``size`` are the rows of a full one, ``elements`` is 0 if unknown."""

    rows: Sequence[Values]
    index: int
    number: int
    size: int
    total_pages: int
    elements: int

    @property
    def begins(self) -> int:
        """The index of its first row in the list."""
        return self.index * self.size

    @property
    def ends(self) -> int:
        """The index after its last row in the list."""
        return self.begins + len(self.rows)


class ListReader:
    """Reads one list with ``fetch``, in pages if ``paged``; otherwise a response without a page number is all.

    Pages are requested from 0, and counted from the number in the first response, 0 or 1. If the second page
    equals the first, Moment counts requested pages from 1, and all further requests are raised by one.
    """

    def __init__(self, call: Call, fetch: Fetch, *, paged: bool = True) -> None:
        self._call, self._fetch, self._paged = call, fetch, paged
        self._shift, self._base, self._is_counted = 0, 0, False
        self._first: list[str] = []
        self._seen = set[str]()
        self._passed = set[str]()

    def rows(self) -> Iterator[Values]:
        """Yield the rows, each record once, in the order of ids except for rows found late.

        All records that exist throughout are returned; records created or deleted meanwhile may be. If a page is
        too large, smaller ones are requested from there on. If the list ends too soon, it is read again. An error
        is raised if it is too long, continues without new records, or does not become complete.
        """
        reach, limit, elements, returned = 0, PAGE_SIZES[0], 0, 0
        restarts = gaps = idle = 0
        while True:
            index, size = _next_page(reach, limit)
            try:
                page = self._page(index, size)
            except ResponseTooLargeError:
                smaller = next((each for each in PAGE_SIZES if each < limit), None)
                if smaller is None:
                    raise
                # The second page shows how pages are counted (see the class), so it is not skipped.
                reach, limit = (reach if self._is_counted else 0), smaller
                continue
            limit = page.size if page.size < size else limit  # Moment may return fewer at a time
            lost = elements - page.elements
            elements = page.elements
            if self._has_gap(page, reach, lost=lost):
                gaps += 1
                if gaps > _MAX_GAPS:
                    raise self._incomplete(returned, elements)
                reach -= max(limit, lost)
                reach = reach if reach >= limit else 0
                continue
            new = [row for row in page.rows if self._is_new(row)]
            yield from new
            returned += len(new)
            if page.index + 1 < page.total_pages:
                # Rows that are read again are not new.
                idle = 0 if new or (restarts and page.ends > reach) else idle + 1
                self._check_length(page, idle)
                reach = page.ends
            elif returned >= elements:
                return
            elif restarts == _MAX_RESTARTS:
                raise self._incomplete(returned, elements)
            else:
                self._passed.clear()
                reach, restarts = 0, restarts + 1

    def _has_gap(self, page: _Page, reach: int, *, lost: int) -> bool:
        """Return whether records may be missing before this page; for small pages, only its length tells."""
        if page.index == 0:
            return False
        if page.begins >= reach:
            return lost > 0
        first = id_of(page.rows[0].get("id")) if page.rows else None
        return first != "" and first not in self._passed  # a row without an id proves nothing

    def _page(self, index: int, size: int) -> _Page:
        page = self._read(index, size)
        ids = [id_of(row.get("id")) for row in page.rows]
        if index == 0:
            self._first, self._base = ids, int(page.number == 1)
        elif index == 1 and not self._shift and ids and ids == self._first[: len(ids)]:
            self._shift, self._base = 1, page.number
            return self._page(index, size)
        if page.number != self._base + index:
            raise self._wrong_page()
        self._is_counted = self._is_counted or index > 0
        return page

    def _read(self, index: int, size: int) -> _Page:
        response = self._fetch({"page": str(index + self._shift), "size": str(size), "sort": "id,asc"})
        rows = self._rows(response)
        metadata = response.get("page")
        if not self._paged and metadata is None:
            return _Page(rows=rows, index=index, number=index, size=size, total_pages=1, elements=0)
        page = metadata if isinstance(metadata, dict) else {}
        number, total, elements = page.get("number"), page.get("totalPages"), page.get("totalElements", 0)
        if not (isinstance(number, int) and isinstance(total, int) and isinstance(elements, int)):
            raise self._wrong_page()
        actual_size = page.get("size")
        size = actual_size if isinstance(actual_size, int) and actual_size > 0 else size
        return _Page(rows=rows, index=index, number=number, size=size, total_pages=total, elements=elements)

    def _rows(self, response: Values) -> Sequence[Values]:
        rows = response.get("content")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._call.unusable_response(msg("responded with something other than a list"))
        if len(rows) > MAX_ROWS:
            raise self._call.too_large(
                msg("sent more than {count} rows", count=MAX_ROWS), error_code=TOO_MANY_ROWS
            )
        return rows

    def _is_new(self, row: Values) -> bool:
        """Record that a row was read, and return whether it is new; a row without an id counts as new."""
        record_id = id_of(row.get("id"))
        is_known = bool(record_id) and record_id in self._seen
        self._seen.add(record_id)
        self._passed.add(record_id)
        return not is_known

    def _check_length(self, page: _Page, idle: int) -> None:
        if idle == _MAX_IDLE_PAGES or max(page.total_pages, page.index + 1) * page.size > MAX_ROWS:
            raise self._call.too_large(
                msg("claims its list has {count} pages", count=page.total_pages), error_code=TOO_MANY_PAGES
            )

    def _wrong_page(self) -> Exception:
        return self._call.unusable_response(msg("responded with a different page than requested"))

    def _incomplete(self, returned: int, elements: int) -> Exception:
        return self._call.unusable_response(
            msg("returned {told} of the {count} rows in its list", told=returned, count=elements),
            error_code=INCOMPLETE_LIST,
        )


def _next_page(reach: int, limit: int) -> tuple[int, int]:
    """Return index and size of the page with the most new rows that begins before row ``reach``."""
    if reach == 0:
        return 0, limit
    sizes = range(min(limit, reach - 1), 1, -1)
    size = max(sizes, key=lambda each: each - (reach - 1) % each, default=0)
    if size and (reach - 1) % size < size - 1:
        return (reach - 1) // size, size
    return max(reach // limit, 1), limit
