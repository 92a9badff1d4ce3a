"""`variance history` and `variance diff` for people: lines that no terminal breaks within a number. Pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import click

from variance_bridge.formatting import money, plural, quantity, strike
from variance_bridge.money import Sum, total
from variance_bridge.symbology import Deliverable, InstrumentType, SymbolError, parse
from variance_bridge_history.account_comparison import Comparison, State
from variance_bridge_history.diff_document import KINDS
from variance_bridge_history.position_changes import Change, Changes, Roll
from variance_bridge_history.store import Entry

if TYPE_CHECKING:
    from variance_bridge.commands import Converted

_BARS = "▁▂▃▄▅▆▇█"
_MAX_BARS = 36
MAX_LISTED = 20
"""Of each kind of change, how many a terminal shows: a file or a pipe gets all."""
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
        rows = [_cells(each) for each in own]
        lengths = [max(map(len, column)) for column in zip(_TITLES, *rows, strict=True)]
        table = [_aligned(row, lengths) for row in (_TITLES, *rows)]
        ends = ["", *(_in_one(found[each.sha256]) for each in own)]
        lines = [f"{line.rstrip()}  {end}".rstrip() for line, end in zip(table, ends, strict=True)]
        if width is None or max(map(len, lines)) <= width:
            yield from lines
            continue
        for (time, *cells), end in zip(rows, ends[1:], strict=True):
            labelled = [
                f"{title} {cell}".strip() for title, cell in zip(_TITLES[1:], cells, strict=True)
            ]
            yield from _broken([f"  {time}", *labelled, end], width)


_TITLES = ("time", "net liq", "open P/L", "")


def _cells(entry: Entry) -> tuple[str, str, str, str]:
    return (
        f"{entry.fetched_at:%Y-%m-%d %H:%M} UTC",
        money(entry.net_liquidating_value, entry.currency),
        money(entry.unrealized_pl, entry.currency, sign=True),
        plural(entry.positions, "position"),
    )


def _aligned(cells: Sequence[str], lengths: Sequence[int]) -> str:
    """The amounts below each other to the right."""
    time, *amounts, positions = cells
    aligned = (cell.rjust(n) for cell, n in zip(amounts, lengths[1:], strict=False))
    return "  ".join([f"  {time:{lengths[0]}}", *aligned, positions])


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
            yield from _fitted(line, width)
            longer = f"    {piece}"
        line = longer
    yield from _fitted(line, width)


def _fitted(line: str, width: int | None) -> Iterable[str]:
    """A single piece may still be too wide: it is broken at words."""
    if width is None or len(line) <= width:
        return [line]
    return textwrap.wrap(
        line, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def sparkline(entries: Sequence[Entry]) -> str:
    """Net liquidating value over time in eight heights, else open profit; empty where less than two are known.

    Of many values some are left out, evenly, and never the last.
    """
    known = [e.net_liquidating_value for e in entries if e.net_liquidating_value is not None]
    if not known:  # an export states none
        known = [e.unrealized_pl for e in entries if e.unrealized_pl is not None]
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
        for line in _changes(each, None if width is None else MAX_LISTED):
            yield line if width is None else _at_words(line, width)
    if all(each.changes == Changes() for each in found):
        yield "Nothing changed."


def _heading(of: Comparison) -> Iterator[str]:
    """The account, the time between the two states, and what happened to its money in each currency."""
    if of.account:
        yield of.account
    moments = [f"{each.fetched_at:%Y-%m-%d %H:%M}" for each in (of.before, of.after)]
    if len(set(moments)) == 1:
        moments = [f"{each.fetched_at:%Y-%m-%d %H:%M:%S}" for each in (of.before, of.after)]
    yield f"{' → '.join(moments)} UTC"
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


def _changes(of: Comparison, most: int | None) -> Iterator[str]:
    """A line for each change, of each kind at most as many as that."""
    for kind in KINDS:
        found: Sequence[Change] = getattr(of.changes, kind)
        for each in found[:most]:
            yield f"  {kind:8} {_change(of, each)}"
        yield from _more(kind, len(found), most)
    for roll in of.changes.rolled[:most]:
        yield f"  rolled   {_roll(roll)}{_part_of(of, roll.opened.symbol)}"
    yield from _more("rolled", len(of.changes.rolled), most)


def _more(kind: str, count: int, most: int | None) -> Iterator[str]:
    if most is not None and count > most:
        yield f"  {kind:8} and {count - most:,} more: `variance diff | less` shows all"


def _change(of: Comparison, each: Change) -> str:
    looks = f", looks {each.looks}" if each.looks else ""
    last = ""
    if not each.after and each.profit_before is not None:
        last = f", last open P/L {money(each.profit_before, _only_currency(of), sign=True)}"
    moved = f"{quantity(each.before)} → {quantity(each.after)}"
    return f"{_contract(each.symbol)}: {moved}{last}{looks}{_part_of(of, each.symbol)}"


def _only_currency(of: Comparison) -> str | None:
    """That of all positions before; None where they are in several, so that an amount stands without a sign."""
    currencies = list(of.before.totals)
    return currencies[0] if len(currencies) == 1 else None


def _roll(roll: Roll) -> str:
    """`SPY 2026-01-16 640 put → SPY 2026-02-20 635 put (-1, 35 days later, strike -5)`."""
    closed, opened = roll.closed, roll.opened
    about = [quantity(opened.quantity)]
    if closed.expiration is not None and opened.expiration is not None:
        days = (opened.expiration - closed.expiration).days
        if days:
            about.append(f"{plural(abs(days), 'day')} {'later' if days > 0 else 'earlier'}")
    strikes = [_strike(each.symbol) for each in (closed, opened)]
    if None not in strikes and strikes[0] != strikes[1]:
        before, after = (each or Decimal(0) for each in strikes)
        moved = total(after, before.copy_negate())
        about.append(f"strike {'+' if moved > 0 else ''}{quantity(moved)}")
    return f"{_contract(closed.symbol)} → {_contract(opened.symbol)} ({', '.join(about)})"


def _strike(symbol: str) -> Decimal | None:
    try:
        return parse(symbol).strike
    except SymbolError:
        return None


def coloured(line: str) -> str:
    """The line with its gains in green and its losses in red. Call it last: colours have no width."""
    return _GAIN.sub(lambda found: click.style(found[0], fg=_COLOURS[found[0][0]]), line)


_COLOURS = {"+": "green", "-": "red"}
_GAIN = re.compile(r"(?:(?<=P/L )|(?<=\()|(?<=  ))[+-](?:[A-Z]{3} |[^\w\s])?[\d,]+\.\d\d\b(?! →)")
"""A signed amount: behind its name, in parentheses, or in a column. A quantity stands before an arrow or behind it."""


def _part_of(of: Comparison, symbol: str) -> str:
    """`  in Iron Condor`; nothing for shares alone, or where strategies are not known."""
    names = of.strategies.get(symbol, ())
    return f"  in {' and '.join(names)}" if names else ""


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
