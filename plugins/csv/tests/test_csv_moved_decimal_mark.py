"""A value whose decimal mark moved is never published, in whatever format: the row is rejected, or the file is refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from variance_bridge.errors import DataRefused

FILES = sorted((Path(__file__).parent / "files").glob("*.csv"))
NUMBER = re.compile(r"[0-9][0-9,.]*[0-9]|[0-9]")


def values(outcome) -> Counter[Decimal]:
    """The market values of all positions, without signs."""
    return Counter(
        abs(position["market_value"])
        for document in outcome.documents
        for position in document["positions"]
        if position.get("market_value")
    )


def shifted(text: str, known: Counter[Decimal]) -> Iterator[tuple[str, Decimal]]:
    """The file with one of its values ten times too high or too low, and that value; each in turn."""
    for found in NUMBER.finditer(text):
        for mark, thousands in ((".", ","), (",", ".")):
            plain = found[0].replace(thousands, "").replace(mark, ".")
            if plain.count(".") > 1 or known[Decimal(plain)] != 1:
                continue
            for moved in (Decimal(plain) * 10, Decimal(plain) / 10):
                cell = format(moved, "f").replace(".", mark)
                yield text[: found.start()] + cell + text[found.end() :], moved


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_value_ten_times_off_is_never_published(file, read_csv):
    text = file.read_text(encoding="utf-8-sig")
    known = values(read_csv(text))
    for changed, wrong in shifted(text, known):
        try:
            outcome = read_csv(changed, max_rejected_percent=100)
        except DataRefused:
            continue
        assert values(outcome)[wrong] <= known[wrong]
