"""The outline of a document: what a sync knows of the file that it replaces."""

from __future__ import annotations

from pathlib import Path

import pytest

from variance_bridge.document import exact_json
from variance_bridge.document.convert import from_bytes_by_form
from variance_bridge.document.outline import Outline, outline
from variance_bridge.errors import DataRefused
from variance_bridge.model import Environment, Portfolio

EXAMPLES = sorted((Path(__file__).parents[2] / "schemas" / "examples").glob("*.json"))
FULL = next(path for path in EXAMPLES if path.name == "full.json")


def changed(**meta):
    document = exact_json.loads(FULL.read_bytes())
    document["meta"].update(meta)
    return exact_json.dumps(document)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_outline_says_what_the_whole_document_says(path):
    whole, read = from_bytes_by_form(path.read_bytes()), outline(path.read_bytes())

    assert isinstance(read, Outline)
    for name in ("source", "fetched_at", "account_hash", "environment", "status"):
        assert getattr(read.meta, name) == getattr(whole.meta, name)
    assert [(one.symbol, one.type) for one in read.positions] == [
        (one.symbol, one.type) for one in whole.positions
    ]


def test_a_byte_order_mark_is_read_past():
    assert outline(b"\xef\xbb\xbf" + FULL.read_bytes()) == outline(FULL.read_bytes())


def test_a_word_of_a_later_version_does_not_make_a_document_unreadable():
    read = outline(changed(schema_version="1.9", environment="paper_of_tomorrow"))

    assert isinstance(read, Portfolio)
    assert read.meta.environment is None
    assert outline(FULL.read_bytes()).meta.environment is Environment.SIMULATOR


@pytest.mark.parametrize(
    "data",
    [
        changed(schema_version="2.0"),
        changed(fetched_at="2026-01-02T03:04:05"),
        changed(environment="somewhere"),
        FULL.read_bytes()[:-40],
        b'{"meta": {}, "positions": []}',
        b"[" * 100_000,
        b"\xff",
        b"",
    ],
    ids=["major", "zone", "word", "cut", "empty meta", "deep", "bytes", "nothing"],
)
def test_a_file_that_is_not_a_document_has_no_outline(data):
    with pytest.raises(DataRefused):
        outline(data)
