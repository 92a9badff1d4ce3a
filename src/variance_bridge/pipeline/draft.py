"""A portfolio as the text that would be published, and what the checks find in it.

Positions are made, checked, searched and written block by block: while a block is worked on it is near the processor, and
the document never stands in memory as a whole. That is the way of a document of which there is nothing to say. Any other is
made as a whole, because what is said of it names places in all of it; a test holds both ways to the same verdict and text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from msgspec import Struct

from variance_bridge.document.check import check
from variance_bridge.document.convert import (
    around_positions,
    canonical,
    position_mappings,
    to_document,
)
from variance_bridge.document.exact_json import pieces
from variance_bridge.document.rules.consistency import (
    check_around_positions,
    check_repeated,
    each_agrees_with_itself,
)
from variance_bridge.document.rules.rule_context import frame_of
from variance_bridge.document.schema import is_valid
from variance_bridge.document.violation import Violation
from variance_bridge.formatting import repr_without
from variance_bridge.model import Portfolio
from variance_bridge.pipeline.personal_data import distinct_texts

_SYMBOL = attrgetter("symbol")
_BLOCK = 200
"""Positions that are worked on together: few enough to stay in a processor's cache."""
_REQUIRED = ("source", "fetched_at", "account_hash")
"""Of `meta`: without more of it a document is valid, if its positions are."""


class Draft(Struct, frozen=True, kw_only=True):
    """What a portfolio would be published as.

    Attributes:
        text: of the document, in pieces; none where there are violations.
        meta: of the document.
        words: what stands in it, each text once (`pipeline.personal_data.distinct_texts`).
        violations: what the checks find.
    """

    text: Sequence[bytes]
    meta: Mapping[str, Any]
    words: frozenset[str]
    violations: list[Violation]

    __repr__ = repr_without("text", "meta", "words")


def draft(portfolio: Portfolio) -> Draft:
    """The portfolio as text, checked."""
    portfolio = canonical(portfolio)
    return _in_blocks(portfolio) or _as_a_whole(portfolio)


def _as_a_whole(portfolio: Portfolio) -> Draft:
    document = to_document(portfolio)
    violations = check(document)
    return Draft(
        text=() if violations else tuple(pieces(document)),
        meta=document["meta"],
        words=frozenset(distinct_texts(document)),
        violations=violations,
    )


class _Doubt(Exception):
    """There is something to say of a block."""


def _in_blocks(portfolio: Portfolio) -> Draft | None:
    """The draft of a portfolio of which the checks have nothing to say; None for any other."""
    around, holdings = around_positions(portfolio), portfolio.positions
    if not is_valid({**around, "positions": []}):
        return None
    frame = frame_of(around)
    if any(check_around_positions(around, frame, len(holdings))):
        return None
    required = {name: around["meta"][name] for name in _REQUIRED}
    words = distinct_texts(around)
    several = {symbol for symbol, count in Counter(map(_SYMBOL, holdings)).items() if count > 1}
    lots: list[dict[str, Any]] = []

    def blocks() -> Iterator[list[dict[str, Any]]]:
        for start in range(0, len(holdings), _BLOCK):
            block = position_mappings(holdings[start : start + _BLOCK])
            document = {"meta": required, "positions": block}
            if not (is_valid(document) and each_agrees_with_itself(block, frame)):
                raise _Doubt
            words.update(distinct_texts(document))
            lots.extend(position for position in block if position["symbol"] in several)
            yield block
        if any(check_repeated(lots, frame)):
            raise _Doubt

    try:
        text = tuple(pieces({**around, "positions": blocks()}))
    except _Doubt:
        return None
    return Draft(text=text, meta=around["meta"], words=frozenset(words), violations=[])
