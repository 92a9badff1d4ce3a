"""A list that comes in pages is complete, or refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from variance_bridge import DataRefused
from variance_bridge.paging import next_address, pages
from variance_bridge.rows import list_of

ASKED = "https://api.acme.example/v1/lots?page=1"


def read(answers, following, **more):
    asked = []

    def ask(key):
        asked.append(key)
        return answers[key]

    found = pages(ask, rows=lambda page: list_of(page, "rows"), following=following, **more)
    return [row for page in found for row in page["rows"]], asked


def by_cursor(page, _count):
    return page.get("next")


def test_each_page_is_asked_for_by_what_the_one_before_says():
    answers = {
        None: {"rows": [1, 2], "next": "b"},
        "b": {"rows": [], "next": "c"},
        "c": {"rows": [3], "next": ""},
    }

    assert read(answers, by_cursor) == ([1, 2, 3], [None, "b", "c"])


def test_pages_are_asked_for_by_the_number_of_rows_so_far():
    answers = {None: {"rows": [1, 2]}, 2: {"rows": [3, 4]}, 4: {"rows": [5]}}
    rows, asked = read(
        answers, lambda _page, count: count if count < 5 else None, total=lambda _page: Decimal(5)
    )

    assert (rows, asked) == ([1, 2, 3, 4, 5], [None, 2, 4])


def test_a_list_without_rows_is_one_page():
    assert read({None: {"rows": []}}, by_cursor, total=lambda _page: 0) == ([], [None])


@pytest.mark.parametrize("stated", [2, 4, "4", "many", True, [3]])
def test_another_number_of_rows_than_the_broker_says_is_refused(stated):
    with pytest.raises(DataRefused, match=r"how many entries|number of entries"):
        read({None: {"rows": [1, 2, 3]}}, by_cursor, total=lambda _page: stated)


@pytest.mark.parametrize("stated", [3, "3", Decimal("3.0"), None])
def test_the_number_of_rows_that_the_broker_says_is_accepted(stated):
    rows, _asked = read({None: {"rows": [1, 2, 3]}}, by_cursor, total=lambda _page: stated)

    assert rows == [1, 2, 3]


def test_a_broker_that_gives_the_first_page_for_every_page_is_refused():
    same = {"rows": [1, 2], "total": 6}

    with pytest.raises(DataRefused, match="came twice"):
        read({None: same, 2: same}, lambda page, count: count if count < page["total"] else None)


def test_pages_that_lead_round_in_a_circle_are_refused():
    answers = {
        None: {"rows": [1], "next": "b"},
        "b": {"rows": [2], "next": "c"},
        "c": {"rows": [3], "next": "b"},
    }

    with pytest.raises(DataRefused, match="circle"):
        read(answers, by_cursor)


def test_a_list_without_an_end_is_refused():
    asked = []

    def ask(key):
        asked.append(key)
        return {"rows": [len(asked)], "next": len(asked)}

    with pytest.raises(DataRefused, match="more than 3 pages"):
        pages(ask, rows=lambda page: page["rows"], following=by_cursor, limit=3)
    assert len(asked) == 3


def test_a_page_without_its_list_is_refused_and_costs_the_others():
    with pytest.raises(DataRefused, match="no list `rows`"):
        read({None: {"rows": [1], "next": "b"}, "b": {"error": "invented"}}, by_cursor)


@pytest.mark.parametrize(
    ("link", "leads"),
    [
        ("?page=2", "https://api.acme.example/v1/lots?page=2"),
        ("/v1/lots?page=2", "https://api.acme.example/v1/lots?page=2"),
        ("https://api.acme.example/v2/more", "https://api.acme.example/v2/more"),
        ("https://files.acme.example/more", "https://files.acme.example/more"),
        ("https://files.acme.example:443/more", "https://files.acme.example:443/more"),
    ],
)
def test_a_link_to_the_broker_is_followed(link, leads):
    assert next_address(link, asked=ASKED, hosts=["files.acme.example"]) == leads


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/v1/lots",
        "//evil.example/v1/lots",
        "http://api.acme.example/v1/lots",
        "http://files.acme.example/more",
        "https://files.acme.example:8443/more",
        "https://files.acme.example.evil.example/more",
        "https://api.acme.example@evil.example/",
        "https://user@files.acme.example/",
        "https://api.acme.example:8443/v1/lots",
        "https://[not-an-address/",
        "ftp://api.acme.example/v1/lots",
        "/v1/lots#part",
    ],
)
def test_a_link_to_anywhere_else_is_refused_and_not_repeated(link):
    with pytest.raises(DataRefused) as refused:
        next_address(link, asked=ASKED, hosts=["files.acme.example"])

    assert "evil" not in str(refused.value)


def test_a_link_of_a_server_on_this_machine_stays_there():
    asked = "http://127.0.0.1:8000/v1/lots"

    assert next_address("/v1/lots?page=2", asked=asked) == "http://127.0.0.1:8000/v1/lots?page=2"
    with pytest.raises(DataRefused):
        next_address("http://127.0.0.1:8001/v1/lots", asked=asked)
