"""Lists that come page by page: by number, by cursor or by link, complete or refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from variance_bridge.errors import DataRefused
from variance_bridge.rows.values import RowRejected, number

MAX_PAGES: Final = 1000

_AGAIN: Final = "run the sync again; if it happens again, the API has changed: report it to the plugin's authors"


def pages(
    ask: Callable[[Any], Any],
    *,
    rows: Callable[[Any], Sequence[Any]],
    following: Callable[[Any, int], Any],
    total: Callable[[Any], Any] = lambda _page: None,
    limit: int = MAX_PAGES,
) -> list[Any]:
    """All pages of a list, as they came. Keep them as they are in the payload, and read the rows of each.

    Args:
        ask: gets a page, by what `following` gave for the page before; by None for the first one.
        rows: the rows of a page. It raises `DataRefused` where the page has no list, as `list_of` does.
        following: what asks for the page after this one: a number, a cursor, a link; None or "" after the last page. It
            is given the page, and how many rows there are so far.
        total: how many rows a page says that there are; None where it does not say.
        limit: so many pages at most.

    Raises:
        DataRefused: a page comes again, there are more pages than `limit`, or other than `total` rows. A part of a list is
            never taken for the whole list.
    """
    found: list[Any] = []
    count = 0
    asked: list[Any] = [None]
    while True:
        page = ask(asked[-1])
        held = rows(page)
        if found and held and held == rows(found[-1]):
            raise _refused("a page of the broker's list came twice")
        found.append(page)
        count += len(held)
        after = following(page, count)
        if after is None or after == "":
            break
        if after in asked:
            raise _refused("the pages of the broker's list lead round in a circle")
        if len(found) == limit:
            raise _refused(f"the broker's list has more than {limit} pages")
        asked.append(after)
    _check_total(total(found[-1]), count)
    return found


def next_address(link: str, *, asked: str, hosts: Collection[str] = ()) -> str:
    """The address that a link in an answer leads to: the credentials go there, too, so it has to be the broker's.

    Args:
        link: of the answer; whole, or from a slash on.
        asked: the address that gave the answer. The link has its scheme, host and port.
        hosts: of the broker, where a link may lead besides, over https.

    Raises:
        DataRefused: it leads elsewhere. The message does not repeat it.
    """
    try:
        address = urljoin(asked, link)
        parts, own = urlsplit(address), urlsplit(asked)
        is_own = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
        is_listed = (
            parts.scheme == "https" and parts.port in (None, 443) and parts.hostname in hosts
        )
    except ValueError:
        is_own = is_listed = False
    if not (is_own or is_listed) or "@" in parts.netloc or parts.fragment:
        raise DataRefused(
            "a link in the broker's answer leads to a host that is not the broker's",
            hint="nothing was sent there; run the sync again, and report it if it happens again",
        )
    return address


def _check_total(stated: Any, count: int) -> None:
    try:
        expected = number(stated)
    except RowRejected:
        raise _refused("the broker does not say clearly how many entries its list has") from None
    if expected is not None and expected != count:
        raise _refused("the broker's list has another number of entries than the broker says")


def _refused(what: str) -> DataRefused:
    return DataRefused(what, hint=_AGAIN)
