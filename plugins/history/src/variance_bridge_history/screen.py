"""`variance history` and `variance diff` for people: lines that no terminal breaks within a number. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from variance_bridge.formatting import money, plural, quantity, strike
from variance_bridge.money import Sum, total
from variance_bridge.symbology import Deliverable, InstrumentType, SymbolError, parse
from variance_bridge_history.account_comparison import Comparison, State
from variance_bridge_history.diff_document import KINDS
from variance_bridge_history.position_changes import Changes
from variance_bridge_history.store import Entry

if TYPE_CHECKING:
    from variance_bridge.commands import Converted

_BARS = "▁▂▃▄▅▆▇█"
_MAX_BARS = 36
_PROFIT = "unrealized_pl"
_MONEY = {"net_liquidating_value": "net liq", _PROFIT: "open P/L"}


def history_lines(
    entries: Sequence[Entry], found: Mapping[str, Converted | None], width: int | None
) -> Iterator[str]:
    """What each account was worth, document by document.

    Args:
        entries: oldest first.
        found: the amounts in a wanted currency, by the entry's sha256.
        width: of the terminal; None for a file or a pipe, where no line is broken.
    """
    if not entries:
        yield "The history is empty."
        return
    for account in dict.fromkeys(entry.account_hash for entry in entries):
        own = [entry for entry in entries if entry.account_hash == account]
        yield from _broken([f"{own[-1].source} {account}", sparkline(own)], width)
        amounts = [_amounts(each) for each in own]
        lengths = [max(map(len, column)) for column in zip(*amounts, strict=True)]
        for entry, texts in zip(own, amounts, strict=True):
            worth, profit = (
                text.rjust(length) for text, length in zip(texts, lengths, strict=True)
            )
            pieces = [
                f"  {entry.fetched_at:%Y-%m-%d %H:%M}Z",
                f"net liq {worth}",
                f"open P/L {profit}",
                plural(entry.positions, "position"),
                _in_one(found[entry.sha256]),
            ]
            yield from _broken(pieces, width)


def _amounts(entry: Entry) -> tuple[str, str]:
    return (
        money(entry.net_liquidating_value, entry.currency),
        money(entry.unrealized_pl, entry.currency, sign=True),
    )


def _in_one(converted: Converted | None) -> str:
    """`(net liq €1,234.50, open P/L +€5.00; 1 USD = 0.946 EUR; ECB reference rates, 2026-11-25)`."""
    if converted is None or not (converted.rates or converted.missing):
        return ""
    worth = money(converted.sums["net_liquidating_value"].amount, converted.currency)
    profit = money(converted.sums["unrealized_pl"].amount, converted.currency, sign=True)
    return f"(net liq {worth}, open P/L {profit}; {converted.stated})"


def _broken(pieces: Iterable[str], width: int | None) -> Iterator[str]:
    """The pieces side by side as far as there is room, then below each other."""
    line = ""
    for piece in filter(None, pieces):
        longer = f"{line}  {piece}" if line else piece
        if line and width is not None and len(longer) > width:
            yield line
            longer = f"    {piece}"
        line = longer
    yield line


def sparkline(entries: Iterable[Entry]) -> str:
    """Net liquidating value over time in eight heights; empty where less than two are known.

    Of many values some are left out, evenly, and never the last.
    """
    known = [e.net_liquidating_value for e in entries if e.net_liquidating_value is not None]
    step = max(1, -(-len(known) // _MAX_BARS))
    values = known[::-step][::-1]
    if len(values) < 2 or min(values) == max(values):
        return ""
    low, high = min(values), max(values)
    return "".join(_BARS[int((value - low) * (len(_BARS) - 1) / (high - low))] for value in values)


def diff_lines(found: Sequence[Comparison], width: int | None) -> Iterator[str]:
    """What changed, by account; `width` is that of the terminal, None for a file or a pipe."""
    if not found:
        yield "There are not two documents to compare yet."
        return
    for each in found:
        yield from _broken(_heading(each), width)
        for line in _changes(each):
            yield line if width is None else _at_words(line, width)
    if all(each.changes == Changes() for each in found):
        yield "Nothing changed."


def _heading(of: Comparison) -> Iterator[str]:
    """The account, the time between the two states, and what happened to its money in each currency."""
    if of.account:
        yield of.account
    yield f"{of.before.fetched_at:%Y-%m-%d %H:%M}Z → {of.after.fetched_at:%Y-%m-%d %H:%M}Z"
    for currency in dict.fromkeys((*of.after.totals, *of.before.totals)):
        for name, title in _MONEY.items():
            before, after = (_sum(state, currency, name) for state in (of.before, of.after))
            if after is not None and any(map(_is_known, (before, after))):
                yield f"{title} {_money(before, after, currency, sign=name == _PROFIT)}"


def _sum(state: State, currency: str | None, name: str) -> Sum | None:
    return state.totals[currency].sums[name] if currency in state.totals else None


def _is_known(amount: Sum | None) -> bool:
    return amount is not None and amount.count > 0 and amount.complete is not None


def _money(before: Sum | None, after: Sum, currency: str | None, *, sign: bool) -> str:
    """`+$7.25 (+$12.25 since)`."""
    shown = money(after.complete, currency, sign=sign)
    if before is None or before.complete is None or after.complete is None:
        return shown
    since = total(after.complete, before.complete.copy_negate())
    return f"{shown} ({money(since, currency, sign=True)} since)"


def _at_words(line: str, width: int) -> str:
    return click.wrap_text(line.strip(), width, initial_indent="  ", subsequent_indent=" " * 11)


def _changes(of: Comparison) -> Iterator[str]:
    for kind in KINDS:
        for each in getattr(of.changes, kind):
            looks = f", looks {each.looks}" if each.looks else ""
            moved = _moved(each.before, each.after)
            yield f"  {kind:8} {_contract(each.symbol)}: {moved}{looks}{_part_of(of, each.symbol)}"
    for roll in of.changes.rolled:
        amount = quantity(roll.opened.quantity)
        moved = f"{_contract(roll.closed.symbol)} → {_contract(roll.opened.symbol)} ({amount})"
        yield f"  rolled   {moved}{_part_of(of, roll.opened.symbol)}"


def _part_of(of: Comparison, symbol: str) -> str:
    """`  in Iron Condor`; nothing for shares alone, or where strategies are not known."""
    names = of.strategies.get(symbol, ())
    return f"  in {' and '.join(names)}" if names else ""


def _moved(before: Decimal, after: Decimal) -> str:
    return f"{quantity(before)} → {quantity(after)}"


def _contract(symbol: str) -> str:
    """`SPY 2026-12-18 640 put`; what is not an option, or cannot be read, as it is."""
    try:
        option = parse(symbol)
    except SymbolError:
        return symbol
    if option.option_type is None:
        return symbol
    series = symbol[:6].strip()  # SPXW and SPX are different contracts, and so are BABA2 and BABA
    if option.type is InstrumentType.FUTURE_OPTION:
        series = f"{option.underlying} {option.contract}"
    adjusted = " adj" if option.deliverable is Deliverable.ADJUSTED else ""
    return f"{series} {option.expiration} {strike(option.strike)} {option.option_type}{adjusted}"
