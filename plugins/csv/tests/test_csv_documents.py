"""Whole files against whole documents that were written by hand."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from variance_bridge.document import exact_json
from variance_bridge.document.convert import in_canonical_order
from variance_bridge.pipeline.contradictory_rows import settle

FILES = sorted(path.stem for path in (Path(__file__).parent / "files").glob("*.json"))


def content_of(files, name):
    (path,) = (path for path in files.glob(f"{name}.*") if path.suffix in {".csv", ".xml"})
    return path.read_bytes()


def expected_of(files, name):
    expected = exact_json.loads((files / f"{name}.json").read_bytes())
    return expected if isinstance(expected, list) else [expected]


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_every_dialect_becomes_the_document_written_by_hand(files, read_csv, name):
    outcome = read_csv(content_of(files, name))
    expected = expected_of(files, name)
    assert len(outcome.documents) == len(expected)
    for document, wanted in zip(outcome.documents, expected, strict=True):
        assert document["meta"] == wanted["meta"]
        assert document.get("balances") == wanted.get("balances")
        assert [one["symbol"] for one in document["positions"]] == [
            one["symbol"] for one in wanted["positions"]
        ]
        for position, wanted_position in zip(
            document["positions"], wanted["positions"], strict=True
        ):
            assert position == wanted_position


@pytest.mark.parametrize("name", FILES)
def test_what_is_read_is_valid_and_published_without_a_change_to_any_row(files, read_csv, name):
    for portfolio in read_csv(content_of(files, name)).portfolios:
        meta = attrs.evolve(portfolio.meta, account_hash="abcdef012345***")
        settled = settle(attrs.evolve(portfolio, meta=meta))

        assert settled.violations == []
        assert in_canonical_order(settled.portfolio.positions) == in_canonical_order(
            portfolio.positions
        )


def test_no_fixture_is_left_out(files):
    found = [path.stem for path in files.glob("*.*") if path.suffix in {".csv", ".xml"}]
    assert sorted(found) == sorted(FILES)


def test_reading_twice_gives_the_same(files, read_csv):
    data = (files / "tastytrade_2026.csv").read_bytes()
    assert read_csv(data).portfolios == read_csv(data).portfolios
