"""Whether the numbers and terms of a document agree with each other: what a schema cannot say.

A document that passes has the right form, counts that add up, money that is price x quantity x multiplier, and symbols
that say the same as the members beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from variance_bridge.document.violation import Violation
from variance_bridge.money import product, within_tolerance
from variance_bridge.symbology import Instrument, InstrumentType, SymbolError, parse

_LISTED = frozenset(
    {
        InstrumentType.STOCK,
        InstrumentType.OPTION,
        InstrumentType.FUTURE,
        InstrumentType.FUTURE_OPTION,
        InstrumentType.CRYPTO,
    }
)
_PRICED_FROM_ZERO = _LISTED - {InstrumentType.FUTURE}
_A: Mapping[InstrumentType, str] = {
    InstrumentType.STOCK: "a stock",
    InstrumentType.OPTION: "an option",
    InstrumentType.FUTURE: "a future",
    InstrumentType.FUTURE_OPTION: "a future option",
    InstrumentType.CRYPTO: "a crypto",
}
# A future expires, but its symbol does not say on which day; nor does the name that data feeds give its options.
_UNWRITTEN_TERMS: Mapping[InstrumentType, frozenset[str]] = {
    **dict.fromkeys(_LISTED, frozenset()),
    InstrumentType.FUTURE: frozenset({"expiration"}),
    InstrumentType.FUTURE_OPTION: frozenset({"expiration"}),
}


def check_arithmetic(document: Mapping[str, Any]) -> list[Violation]:
    """What in a document of valid form contradicts itself, in the order of the document's places."""
    return [
        *_check_counts(document),
        *_check_dates(document),
        *(
            violation
            for place, position in enumerate(document["positions"])
            for rule in _POSITION_RULES
            for violation in rule(f"/positions/{place}", position)
        ),
    ]


def _check_counts(document: Mapping[str, Any]) -> Iterator[Violation]:
    meta = document["meta"]
    counts = meta.get("counts")
    rejected: Sequence[Any] = meta.get("rejected", ())
    status = meta.get("status")
    if counts is not None:
        if counts["fetched"] != counts["normalized"] + counts["closed"] + counts["rejected"]:
            yield _counts("fetched", "must be normalized + closed + rejected")
        if counts["normalized"] != len(document["positions"]):
            yield _counts("normalized", "must be the number of positions")
        if counts["rejected"] != len(rejected):
            yield _counts("rejected", "must be the number of rows that meta.rejected lists")
    if status == "complete" and rejected:
        yield Violation("/meta/status", "status", "cannot be complete: rows were rejected")
    if status == "partial" and not rejected:
        yield Violation("/meta/status", "status", "cannot be partial: no row was rejected")


def _counts(member: str, message: str) -> Violation:
    return Violation(f"/meta/counts/{member}", "counts", message)


def _check_dates(document: Mapping[str, Any]) -> Iterator[Violation]:
    """Dates that the schema's pattern lets through and no calendar has, such as 31 June."""
    yield from _dates("/meta", document["meta"])
    yield from _dates("/balances", document.get("balances", {}))
    for place, position in enumerate(document["positions"]):
        pointer = f"/positions/{place}"
        yield from _dates(pointer, position)
        yield from _dates(f"{pointer}/quote", position.get("quote", {}))
        yield from _dates(f"{pointer}/greeks", position.get("greeks", {}))


_MOMENTS = ("fetched_at", "as_of", "expires_at", "expiration", "opened_on")


def _dates(pointer: str, members: Mapping[str, Any]) -> Iterator[Violation]:
    for name in _MOMENTS:
        if name in members and not _is_in_calendar(members[name]):
            yield Violation(f"{pointer}/{name}", "date", "is not a date of the calendar")


@lru_cache(maxsize=4096)
def _is_in_calendar(text: str) -> bool:
    """Whether a date or an instant that has the form of one exists."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_cost(pointer: str, position: Mapping[str, Any]) -> Iterator[Violation]:
    if not _agrees(position, "cost_basis", position.get("average_price"), 1):
        yield Violation(
            f"{pointer}/cost_basis", "cost_basis", "must be average_price x quantity x multiplier"
        )


def _check_value(pointer: str, position: Mapping[str, Any]) -> Iterator[Violation]:
    sign = -1 if position["side"] == "short" else 1
    if not _agrees(position, "market_value", position.get("quote", {}).get("mark"), sign):
        yield Violation(
            f"{pointer}/market_value",
            "market_value",
            "must be quote.mark x quantity x multiplier, negative for a short position",
        )


def _agrees(position: Mapping[str, Any], total: str, price: Any, sign: int) -> bool:
    stated, multiplier = position.get(total), position.get("multiplier")
    if stated is None or price is None or multiplier is None:
        return True
    quantity = position["quantity"]
    size = product(Decimal(price), quantity, multiplier)
    computed = size if sign > 0 else size.copy_negate()
    return stated == computed or within_tolerance(Decimal(stated), computed, Decimal(quantity))


def _check_sign(pointer: str, position: Mapping[str, Any]) -> Iterator[Violation]:
    """What has a price of zero or more is never worth less than nothing to who owns it; a future may have any price."""
    value = position.get("market_value")
    if value is None or InstrumentType(position["type"]) not in _PRICED_FROM_ZERO:
        return
    if position.get("quote", {}).get("mark") is not None and "multiplier" in position:
        return  # the product says more
    if value * (-1 if position["side"] == "short" else 1) < 0:
        yield Violation(
            f"{pointer}/market_value",
            "market_value",
            "must not be above zero for a short position, nor below for a long one",
        )


def _check_terms(pointer: str, position: Mapping[str, Any]) -> Iterator[Violation]:
    """Symbol, root, strike, expiration and option type say the same."""
    kind = InstrumentType(position["type"])
    if kind not in _LISTED:
        return
    try:
        instrument = _parse(position, kind)
    except SymbolError:
        yield Violation(f"{pointer}/symbol", "terms", f"is not the symbol of {_A[kind]}")
        return
    if instrument.type is not kind:
        yield Violation(f"{pointer}/type", "terms", "contradicts the symbol")
        return
    if instrument.symbol != position["symbol"]:
        yield Violation(f"{pointer}/symbol", "terms", "is not in the canonical spelling")
    stated = {
        "root": instrument.root,
        "strike": instrument.strike,
        "expiration": instrument.expiration and instrument.expiration.isoformat(),
        "option_type": instrument.option_type and instrument.option_type.value,
    }
    for name, meant in stated.items():
        if name not in position or position[name] == meant:
            continue
        if meant is not None:
            yield Violation(f"{pointer}/{name}", "terms", "contradicts the symbol")
        elif name not in _UNWRITTEN_TERMS[kind]:
            yield Violation(f"{pointer}/{name}", "terms", f"is not a term of {_A[kind]}")


def _parse(position: Mapping[str, Any], kind: InstrumentType) -> Instrument:
    """The instrument that the symbol names. Only a future's date goes in: its one-digit year says too little."""
    expiration = position.get("expiration") if kind is InstrumentType.FUTURE else None
    return parse(
        position["symbol"],
        instrument_type=kind,
        underlying=position.get("underlying"),
        expires_on=_day(expiration) if expiration else None,
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


_POSITION_RULES = (_check_cost, _check_value, _check_sign, _check_terms)
