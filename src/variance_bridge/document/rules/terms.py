"""Rules about terms: symbol, type, root, strike, expiration and option type say the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from variance_bridge.document.rules.rule_context import Fault, Frame
from variance_bridge.money import multiply
from variance_bridge.symbology import Instrument, InstrumentType, SymbolError, parse

_LISTED = {
    kind.value: kind
    for kind in (
        InstrumentType.STOCK,
        InstrumentType.OPTION,
        InstrumentType.FUTURE,
        InstrumentType.FUTURE_OPTION,
        InstrumentType.CRYPTO,
    )
}
_A: Mapping[InstrumentType, str] = {
    InstrumentType.STOCK: "a stock",
    InstrumentType.OPTION: "an option",
    InstrumentType.FUTURE: "a future",
    InstrumentType.FUTURE_OPTION: "a future option",
    InstrumentType.CRYPTO: "a crypto",
}
# A future expires, but its symbol does not say on which day; nor does the name that data feeds give its options.
_UNWRITTEN_TERMS = frozenset({InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION})
_ROOT_COLUMNS = 6
_RIGHTS = {"call": "C", "put": "P"}
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_OPTION = InstrumentType.OPTION
_FUTURE = InstrumentType.FUTURE


def check_terms(position: Mapping[str, Any], _frame: Frame) -> Sequence[Fault]:
    """What in the terms of one position contradicts its symbol; nothing for types that have no symbols of their own."""
    kind = _LISTED.get(position["type"])
    if kind is None or (kind is _OPTION and _is_plainly_right(position)):
        return ()
    expiration = position.get("expiration") if kind is _FUTURE else None
    instrument = _instrument(position["symbol"], kind, position.get("underlying"), expiration)
    if instrument is None:
        return (Fault("symbol", "terms", f"is not the symbol of {_A[kind]}"),)
    if instrument.type is not kind:
        return (Fault("type", "terms", "contradicts the symbol"),)
    return _contradictions(position, instrument)


def _contradictions(position: Mapping[str, Any], instrument: Instrument) -> Sequence[Fault]:
    faults = []
    kind = instrument.type
    if instrument.symbol != position["symbol"]:
        faults.append(Fault("symbol", "terms", "is not in the canonical spelling"))
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
            faults.append(Fault(name, "terms", "contradicts the symbol"))
        elif name != "expiration" or kind not in _UNWRITTEN_TERMS:
            faults.append(Fault(name, "terms", f"is not a term of {_A[kind]}"))
    return faults


def _is_plainly_right(position: Mapping[str, Any]) -> bool:
    """Whether the members spell the symbol: in most documents they do, and then it need not be parsed."""
    symbol, expiration = position["symbol"], position["expiration"]
    owner = _owner(symbol[:_ROOT_COLUMNS])
    if owner is None or position["root"] != owner[0]:
        return False
    right = position.get("option_type")
    return (
        position.get("underlying", owner[1]) == owner[1]
        and symbol[6:12] == _six_digits(expiration)
        and (right is None or symbol[12] == _RIGHTS[right])
        and int(symbol[13:]) == multiply(position["strike"], 1000)
    )


@lru_cache(maxsize=4096)
def _six_digits(expiration: str) -> str | None:
    """A day of this century as a symbol writes it; None for others, which no symbol can write."""
    return expiration[2:].replace("-", "") if expiration.startswith("20") else None


@lru_cache(maxsize=4096)
def _owner(padded: str) -> tuple[str, str] | None:
    """Root and underlying of an option root of letters in its six columns; None for others, which are parsed."""
    from variance_bridge.symbology.tables import special_option_roots

    root = padded.rstrip(" ")
    if not (root.isascii() and root.isalpha()):
        return None
    listed = special_option_roots().get(root)
    return (root, root) if listed is None else (listed.root, listed.symbol)


@lru_cache(maxsize=4096)
def _instrument(
    symbol: str, kind: InstrumentType, underlying: str | None, expiration: str | None
) -> Instrument | None:
    """The instrument that the symbol names. Only a future's date goes in: its one-digit year says too little."""
    try:
        return parse(
            symbol,
            instrument_type=kind,
            underlying=underlying,
            expires_on=_day(expiration) if expiration else None,
        )
    except SymbolError:
        return None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
