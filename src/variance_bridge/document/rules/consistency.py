"""Whether the numbers and terms of a document agree with each other: what a schema cannot say.

A document that passes has the right form, counts that add up, money that is price x quantity x multiplier, symbols
that say the same as the members beside them, times in order, and no position twice. The rules of one position are
functions in modules of their own; each returns at once where nothing is wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from variance_bridge.document.rules.amounts import check_amounts
from variance_bridge.document.rules.dates import check_document_times, check_times
from variance_bridge.document.rules.quotes_and_greeks import check_greeks, check_quote
from variance_bridge.document.rules.rule_context import Fault, Frame, frame_of
from variance_bridge.document.rules.terms import check_terms
from variance_bridge.document.violation import Violation
from variance_bridge.money import exactly
from variance_bridge.symbology.tables import iso_currencies

_NO_CURRENCY = "is not a currency of ISO 4217"


def check_consistency(document: Mapping[str, Any]) -> list[Violation]:
    """What in a document of valid form contradicts itself: first the document, then position by position."""
    frame, positions = frame_of(document), document["positions"]
    found = [
        *check_around_positions(document, frame, len(positions)),
        *check_repeated(positions, frame),
    ]
    with exactly():
        for place, position in enumerate(positions):
            for rule in _POSITION_RULES:
                if faults := rule(position, frame):
                    found += [Violation(f"/positions/{place}/{f.member}", *f[1:]) for f in faults]
    return found


def each_agrees_with_itself(positions: Iterable[Mapping[str, Any]], frame: Frame) -> bool:
    """Whether `check_consistency` has nothing to say of any of these positions by itself."""
    with exactly():
        return not any(rule(position, frame) for position in positions for rule in _POSITION_RULES)


def check_around_positions(
    document: Mapping[str, Any], frame: Frame, count: int
) -> Iterator[Violation]:
    """What contradicts itself in a document besides its positions, of which it should have so many."""
    yield from _check_counts(document, count)
    yield from _check_currencies(document)
    yield from _check_rates(document["meta"].get("exchange_rates", ()))
    yield from check_document_times(document, frame)


def _check_counts(document: Mapping[str, Any], count: int) -> Iterator[Violation]:
    meta = document["meta"]
    counts = meta.get("counts")
    rejected: Sequence[Any] = meta.get("rejected", ())
    status = meta.get("status")
    if counts is not None:
        if counts["fetched"] != counts["normalized"] + counts["closed"] + counts["rejected"]:
            yield _counts("fetched", "must be normalized + closed + rejected")
        if counts["normalized"] != count:
            yield _counts("normalized", "must be the number of positions")
        if counts["rejected"] != len(rejected):
            yield _counts("rejected", "must be the number of rows that meta.rejected lists")
    if status == "complete" and rejected:
        yield Violation("/meta/status", "status", "cannot be complete: rows were rejected")
    if status == "partial" and not rejected:
        yield Violation("/meta/status", "status", "cannot be partial: no row was rejected")


def _counts(member: str, message: str) -> Violation:
    return Violation(f"/meta/counts/{member}", "counts", message)


def _check_currencies(document: Mapping[str, Any]) -> Iterator[Violation]:
    """Every currency exists, and the balances are in the account's."""
    account = document["meta"].get("currency")
    if account is not None and account not in iso_currencies():
        yield Violation("/meta/currency", "currency", _NO_CURRENCY)
    stated = document.get("balances", {}).get("currency")
    if stated is not None and stated not in iso_currencies():
        yield Violation("/balances/currency", "currency", _NO_CURRENCY)
    elif stated is not None and account is not None and stated != account:
        yield Violation("/balances/currency", "currency", "must be the account's currency")


def _check_currency(position: Mapping[str, Any], _frame: Frame) -> Sequence[Fault]:
    if "currency" not in position or position["currency"] in iso_currencies():
        return ()
    return (Fault("currency", "currency", _NO_CURRENCY),)


_POSITION_RULES: tuple[Callable[[Mapping[str, Any], Frame], Sequence[Fault]], ...] = (
    _check_currency,
    check_amounts,
    check_quote,
    check_greeks,
    check_times,
    check_terms,
)


def _check_rates(rates: Sequence[Mapping[str, Any]]) -> Iterator[Violation]:
    """Every rate is between two currencies that exist, and stands once for a day."""
    seen: set[tuple[Any, ...]] = set()
    for place, rate in enumerate(rates):
        pointer = f"/meta/exchange_rates/{place}"
        for name in ("currency", "target"):
            if rate[name] not in iso_currencies():
                yield Violation(f"{pointer}/{name}", "currency", _NO_CURRENCY)
        pair = (rate["currency"], rate["target"], rate["day"])
        if rate["currency"] == rate["target"]:
            yield Violation(f"{pointer}/target", "currency", "must be another currency")
        elif pair in seen:
            yield Violation(pointer, "repeated", "is a rate that stands here twice for its day")
        seen.add(pair)


_LOT = ("side", "quantity", "opened_on", "average_price", "cost_basis", "broker_symbol")
"""What tells two lots of one contract apart."""


def check_repeated(positions: Sequence[Mapping[str, Any]], frame: Frame) -> Iterator[Violation]:
    """No position twice. Lots that were opened on different days or at different prices are positions of their own."""
    if frame.repeated is None:
        return
    symbols = Counter([position["symbol"] for position in positions])
    if len(symbols) == len(positions):
        return
    seen: set[tuple[Any, ...]] = set()
    for place, position in enumerate(positions):
        if symbols[position["symbol"]] == 1:
            continue
        lot = (position["symbol"], position["type"], *(position.get(name) for name in _LOT))
        if lot in seen and position["symbol"] not in frame.repeated:
            yield Violation(
                f"/positions/{place}", "repeated", "is a position that stands here twice"
            )
        seen.add(lot)
