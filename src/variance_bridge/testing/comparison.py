"""Is what a broker made of damaged payloads still right? Judged against what it made of them whole.

What is lost cannot change a number: a member of a position is the same as before or unknown, a row is kept as it was or
rejected, and every row is still counted. A number, side or term that turns into another one is wrong money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

import attrs
from msgspec import structs

from variance_bridge.document.check import check
from variance_bridge.document.convert import to_document
from variance_bridge.document.violation import Violation
from variance_bridge.model import Balances, Caution, Greeks, Holding, Portfolio, Quote
from variance_bridge.rounding_tolerance import RELATIVE_TOLERANCE, within_tolerance
from variance_bridge.symbology import InstrumentType
from variance_bridge.testing.recorded_run import completed

MONEY = ("cost_basis", "market_value", "unrealized_pl", "day_pl")
PER_UNIT = ("strike", "multiplier", "average_price")
TERMS = (
    "root",
    "symbol",
    "underlying",
    "option_type",
    "expiration",
    "expires_at",
    "deliverable",
    "opened_on",
)
_PARTS: tuple[tuple[str, type[Any]], ...] = (("quote", Quote), ("greeks", Greeks))
_NOT_NUMBERS = frozenset({"as_of", "source"})


def wrong(before: Portfolio, after: Portfolio, source: str) -> Iterator[str]:
    """What is wrong with the portfolio of damaged payloads, in sentences.

    Args:
        before: of the payloads as they came.
        after: of the damaged ones.
        source: the broker's name, to complete the document.
    """
    changed = only_changed(before, after)
    yield from (f"the document is not valid: {one}" for one in violations(changed, source)[:2])
    yield from wrong_counts(before, after)
    yield from _wrong_meta(before, after)
    flagged = {flag.symbol for flag in after.meta.flags if flag.caution is Caution.TYPE_UNKNOWN}
    for was, now in _pairs(before.positions, after.positions):
        if was is None:
            yield f"a position of {now.symbol if now else ''} appears that was not there"
        elif now is not None:
            yield from _wrong_holding(was, now, before, after, named=now.symbol not in flagged)


def is_judged_by_the_core(outcome: object) -> bool:
    """Whether nothing was read, and the core decides by what else is there whether the account is empty.

    Balances prove or contradict it, and rows of which none could be read do (`pipeline.overwrite`).
    """
    if not isinstance(outcome, Portfolio) or outcome.positions:
        return False
    return outcome.balances is not None or bool(outcome.meta.rejected)


def only_changed(before: Portfolio, after: Portfolio) -> Portfolio:
    """The portfolio without the positions that are as they were: these have been judged."""
    known = set(before.positions)
    positions = tuple(one for one in after.positions if one not in known)
    counts = after.meta.counts
    if counts is not None and counts.normalized == len(after.positions):
        same = len(after.positions) - len(positions)
        counts = structs.replace(
            counts, fetched=counts.fetched - same, normalized=counts.normalized - same
        )
    return attrs.evolve(after, positions=positions, meta=structs.replace(after.meta, counts=counts))


def violations(portfolio: Portfolio, source: str) -> tuple[Violation, ...]:
    """What is wrong with the document of a portfolio; the same portfolio is judged once."""
    try:
        return _violations(portfolio, source)
    except TypeError:
        return (Violation("", "type", "holds something that has no place in a document"),)


@lru_cache(maxsize=4096)
def _violations(portfolio: Portfolio, source: str) -> tuple[Violation, ...]:
    return tuple(check(to_document(completed(portfolio, source))))


def wrong_counts(before: Portfolio, after: Portfolio) -> Iterator[str]:
    """What is wrong with the counts of damaged payloads."""
    was, now = before.meta.counts, after.meta.counts
    if was is None or now is None:
        yield "its rows are not counted"
        return
    if now.fetched < was.fetched:
        yield f"{was.fetched} rows become {now.fetched}: a row that cannot be read is rejected, not lost"
    if now.fetched - now.rejected > was.fetched - was.rejected:
        yield f"{was.fetched} rows become {now.fetched}, and not by rejected ones"
    if now.closed > was.closed:
        yield "a row counts as closed that was open"
    if now.normalized > was.normalized:
        yield "a row counts as open that was not"


def _wrong_meta(before: Portfolio, after: Portfolio) -> Iterator[str]:
    for name in ("environment", "currency", "fetched_at"):
        was, now = getattr(before.meta, name), getattr(after.meta, name)
        if now is not None and was is not None and now != was:
            yield f"meta.{name} becomes another one"
    if before.balances is not None and after.balances is not None:
        for field in structs.fields(Balances):
            was, now = getattr(before.balances, field.name), getattr(after.balances, field.name)
            if now is not None and was is not None and now != was:
                yield f"balances.{field.name} becomes {_words(now)}: it was {_words(was)}"


def _pairs(
    before: tuple[Holding, ...], after: tuple[Holding, ...]
) -> Iterator[tuple[Holding | None, Holding | None]]:
    """The positions that changed, each with the one that it was."""
    left = list((Counter(before) - Counter(after)).elements())
    for now in (Counter(after) - Counter(before)).elements():
        was = _most_like(now, left)
        if was is not None:
            left.remove(was)
        yield was, now


def _most_like(now: Holding, candidates: list[Holding]) -> Holding | None:
    def likeness(was: Holding) -> int:
        same = ("symbol", "broker_symbol", "side", "quantity", "average_price", "type")
        return sum(getattr(was, name) == getattr(now, name) for name in same)

    return max(candidates, key=likeness, default=None)


def _wrong_holding(
    was: Holding, now: Holding, before: Portfolio, after: Portfolio, *, named: bool
) -> Iterator[str]:
    """Args: named: False for a position that is kept as `other`, because its type is not understood."""
    title = was.symbol
    if now.side is not was.side:
        yield f"{title} becomes {now.side}: it was {was.side}"
    if now.quantity != was.quantity:
        yield f"the quantity of {title} becomes {_words(now.quantity)}: it was {_words(was.quantity)}"
    if now.type is not was.type and (named or now.type is not InstrumentType.OTHER):
        unsaid = ", and no flag says `type_unknown`" if now.type is InstrumentType.OTHER else ""
        yield f"the type of {title} becomes {now.type}: it was {was.type}{unsaid}"
    if _currency(now, after) != _currency(was, before) and _currency(now, after) is not None:
        yield f"the currency of {title} becomes another one"
    for name in TERMS if named else ():
        value = getattr(now, name)
        if value is not None and value != getattr(was, name) and getattr(was, name) is not None:
            yield f"{name} of {title} becomes {_words(value)}: it was {_words(getattr(was, name))}"
    yield from _wrong_numbers(was, now)


def _currency(holding: Holding, portfolio: Portfolio) -> str | None:
    return holding.currency or portfolio.meta.currency


def _wrong_numbers(was: Holding, now: Holding) -> Iterator[str]:
    for name in (*MONEY, *PER_UNIT):
        old, new = getattr(was, name), getattr(now, name)
        if old is None or new is None:
            continue
        is_same = within_tolerance(old, new, was.quantity) if name in MONEY else _close(old, new)
        if not is_same:
            yield f"{name} of {was.symbol} becomes {_words(new)}: it was {_words(old)}"
    for part, cls in _PARTS:
        old_part, new_part = getattr(was, part), getattr(now, part)
        if old_part is None or new_part is None:
            continue
        for field in structs.fields(cls):
            old, new = getattr(old_part, field.name), getattr(new_part, field.name)
            if field.name not in _NOT_NUMBERS and None not in (old, new) and not _close(old, new):
                yield f"{part}.{field.name} of {was.symbol} becomes {_words(new)}: it was {_words(old)}"


def _close(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= RELATIVE_TOLERANCE * max(abs(one), abs(other))


def _words(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def numbers(portfolio: Portfolio) -> Iterator[tuple[str, Any]]:
    """Every member of the portfolio that is a number, with its name."""
    for holding in portfolio.positions:
        for name in ("quantity", *PER_UNIT, *MONEY):
            yield f"{name} of {holding.symbol}", getattr(holding, name)
        for part, cls in _PARTS:
            inner = getattr(holding, part)
            if inner is not None:
                for field in structs.fields(cls):
                    if field.name not in _NOT_NUMBERS:
                        yield f"{part}.{field.name} of {holding.symbol}", getattr(inner, field.name)
    if portfolio.balances is not None:
        for field in structs.fields(Balances):
            if field.name not in {"currency", "as_of"}:
                yield f"balances.{field.name}", getattr(portfolio.balances, field.name)
