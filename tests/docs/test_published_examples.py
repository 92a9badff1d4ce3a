"""The documents that were published with versions 1.0 and 1.1 of the schema stay what they are, and valid, for ever."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from variance_bridge.document import exact_json
from variance_bridge.document.check import check
from variance_bridge.document.convert import from_bytes
from variance_bridge.model import Portfolio

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
PUBLISHED = {
    "benchmark.json": "4f4ec4a9976fb2cd899fe94ae3f27a52009705b4d2c1a6025246b53f61f1a115",
    "empty.json": "b9271685c2130592a1451a3d689dcce9d725a30ed63052ff5826e48eb7c1d093",
    "exchange_rates.json": "c2e7f4ae63a037478033502af400e3e8d26b03263b4f0351b309ae412697b1d8",
    "full.json": "3d37732b7499fc609554f41f739e0659a2478c28013d6e23cecbb28326339536",
    "position_file.json": "f7aa810076b42d1d2d72c43ee79a794dcfb70a4045816341bab33bab6c9636c7",
    "rfc.json": "497ef6a2b6d4b8ddc97039e6a284076d1a5ba9da0fe958b26c8f8b415e416372",
}
"""SHA-256. Nobody edits a line of this: somewhere a program was written against that document. New examples are added."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_example_is_never_edited(name):
    assert hashlib.sha256((EXAMPLES / name).read_bytes()).hexdigest() == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_example_is_valid_and_read_without_a_warning(name):
    data = (EXAMPLES / name).read_bytes()
    portfolio, warnings = from_bytes(data)

    assert check(exact_json.loads(data)) == []
    assert isinstance(portfolio, Portfolio)
    assert warnings == ()


def test_every_example_is_pinned():
    assert {path.name for path in EXAMPLES.iterdir()} == set(PUBLISHED)
