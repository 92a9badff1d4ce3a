"""A document that is made, checked and written block by block is the one that is made and checked as a whole."""

from __future__ import annotations

from decimal import Decimal
from unittest.mock import patch

import attrs
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.document.check import check
from variance_bridge.document.convert import canonical, to_bytes, to_document
from variance_bridge.model import Quote
from variance_bridge.pipeline import draft as drafts
from variance_bridge.pipeline.draft import draft
from variance_bridge.pipeline.personal_data import distinct_texts
from variance_bridge.testing.hypothesis_portfolios import portfolios

D = Decimal
SMALL = patch.object(drafts, "_BLOCK", 2)
WRONG = (
    {"unrealized_pl": D(10) ** 9, "cost_basis": D(1), "market_value": D(1)},
    {"currency": "ABC"},
    {"symbol": "lower case"},
    {"root": "QQQQ"},
    {"quote": Quote(bid=D(2), ask=D(1))},
    {"market_value": D("1.10"), "sector": "Energy"},
    {},
)


@given(portfolios(), st.data())
def test_in_blocks_a_document_has_the_same_verdict_text_and_words_as_in_one_piece(whole, data):
    positions = list(whole.positions)
    if positions:
        place = data.draw(st.integers(0, len(positions) - 1))
        positions[place] = attrs.evolve(positions[place], **data.draw(st.sampled_from(WRONG)))
        positions += data.draw(st.lists(st.sampled_from(positions), max_size=2))
    changed = attrs.evolve(whole, positions=tuple(positions))
    document = to_document(changed)

    with SMALL:
        found = draft(changed)
        in_blocks = drafts._in_blocks(canonical(changed))

    assert found.violations == check(document)
    assert (in_blocks is None) == bool(found.violations)
    assert found.words == distinct_texts(document)
    assert found.meta == document["meta"]
    assert b"".join(found.text) == (b"" if found.violations else to_bytes(changed))
