"""`variance history` and `variance diff` for people: lines that no terminal breaks within a number. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import click
from msgspec import structs

from variance_bridge.formatting import money, plural, quantity
from variance_bridge.money import Sum, total
from variance_bridge.symbology import SymbolError, contract_name, parse
from variance_bridge.terminal import BLUE, CYAN, GREEN, MAGENTA, RED, YELLOW, at_words, in_lines
from variance_bridge.trading_hours import exchange_date
from variance_bridge_history.account_comparison import Comparison, State
from variance_bridge_history.database import Entry
from variance_bridge_history.diff_document import KINDS
from variance_bridge_history.over_time import Thinned, all_accounts, thinned
from variance_bridge_history.position_changes import Change, Changes, Roll

if TYPE_CHECKING:
    from variance_bridge.commands import Converted

_LATER = "    "
"""What a continued line begins with."""
NO_LABELS: Mapping[str, str] = {}
_BARS = "▁▂▃▄▅▆▇█"
_MAX_BARS = 36
MAX_LISTED = 20
"""Of each kind of change, how many a terminal shows: a file or a pipe gets all."""
_PROFIT = "unrealized_pl"
_MONEY = {"net_liquidating_value": "net liq", _PROFIT: "open P/L"}


def history_lines(
    entries: Sequence[Entry],
    found: Mapping[str, Converted | None],
    width: int | None,
    labels: Mapping[str, str] = NO_LABELS,
    earlier: Sequence[Entry] = (),
    known: Callable[[Entry], Sum | None] = lambda _entry: None,
    may_lack_rows: Callable[[Entry], bool] = lambda _entry: False,
) -> Iterator[str]:
    """What each account was worth, document by document.

    Args:
        entries: oldest first.
        found: the amounts in a wanted currency, by the entry's sha256.
        width: of the terminal; None for a file or a pipe, where no line is broken.
        labels: what the user calls the accounts, by hash.
        earlier: the documents before those, which are not shown; an account may have no other.
        known: the profit of a document that does not state it of all positions, as far as it is stated.
        may_lack_rows: whether a document doubts that it has all positions.
    """
    if not entries:
        yield "The history is empty."
        return
    for account in dict.fromkeys(entry.account_hash for entry in entries):
        own = [entry for entry in entries if entry.account_hash == account]
        title = f"{own[-1].source} {labels.get(account, account)}"
        yield from _over_time(own, title, found, width, known, may_lack_rows)
    yield from _all_together(entries[0].fetched_at, [*earlier, *entries], labels, width)


def _over_time(
    own: Sequence[Entry],
    title: str,
    found: Mapping[str, Converted | None],
    width: int | None,
    known: Callable[[Entry], Sum | None] = lambda _entry: None,
    may_lack_rows: Callable[[Entry], bool] = lambda _entry: False,
) -> Iterator[str]:
    """One account, or all together: its sparkline, how far it went, and its documents."""
    worths = any(each.net_liquidating_value is not None for each in own)
    bars = sparkline(own)
    drawn = f"{_WORTH if worths else _PROFIT_TITLE} {bars}" if bars else ""
    yield from _broken([title, drawn], width)
    yield from _fitted(_span_of(own, worths=worths), width)
    shown = Thinned(own) if width is None else thinned(own)
    titles = [each for each in _TITLES if worths or each != _WORTH]
    parts = [None if each.unrealized_pl is not None else known(each) for each in shown.entries]
    rows = [dict(zip(_TITLES, cells, strict=True)) for cells in _rows(shown.entries, parts)]
    ends = [
        "  ".join(
            filter(
                None,
                (
                    _of_positions(part),
                    _in_one(found.get(each.sha256)),
                    "rows may be missing" if may_lack_rows(each) else "",
                ),
            )
        )
        for each, part in zip(shown.entries, parts, strict=True)
    ]
    ends.insert(0, "")
    yield from _table(titles, rows, ends, width)
    if shown.by:
        yield from _fitted(
            f"  {len(own):,} documents, the last of each {shown.by} shown;"
            " `variance history | less` shows all, `--since today` those of today",
            width,
        )


def _all_together(
    first: datetime, entries: Sequence[Entry], labels: Mapping[str, str], width: int | None
) -> Iterator[str]:
    """The sums of the accounts at the end of each day from a moment on, for each currency by itself."""
    of_account = {each.account_hash: each.currency for each in entries}
    currencies = sorted(set(of_account.values()), key=lambda each: each or "")
    for currency in currencies:
        own = [each for each in entries if of_account[each.account_hash] == currency]
        count = len({each.account_hash for each in own})
        title = f"{count} accounts in {currency or 'an unknown currency'}"
        yield from _together(
            first, own, title if len(currencies) > 1 else f"all {count} accounts", labels, width
        )
    if len(of_account) > 1 and len(currencies) > 1:
        there_are = " and ".join(each or "an unknown currency" for each in currencies)
        yield from _fitted(f"No sum of all accounts: they are in {there_are}.", width)


def _together(
    first: datetime,
    entries: Sequence[Entry],
    title: str,
    labels: Mapping[str, str],
    width: int | None,
) -> Iterator[str]:
    """The sum of these accounts; nothing where there is only one."""
    together = [each for each in all_accounts(entries) if each.fetched_at >= first]
    if not together:
        return
    last = {each.account_hash: each for each in entries}.values()
    days = [exchange_date(each.fetched_at) for each in last]
    old = [day for day in days if day < max(days)]
    as_of = f" ({len(old)} of them as of {min(old)})" if old else ""
    yield from _over_time(together, f"{title}{as_of}", {}, width)
    for name, named in _MONEY.items():
        lacking = [
            labels.get(each.account_hash, each.account_hash)
            for each in last
            if getattr(each, name) is None
        ]
        word = "not known in full" if name == _PROFIT else "unknown"
        if 0 < len(lacking) < len(last):
            yield from _fitted(f"  no sum of {named}: {word} for {', '.join(lacking)}", width)


_TIME, _WORTH, _PROFIT_TITLE, _COUNT = _TITLES = ("time (UTC)", "net liq", "open P/L", "positions")


def _span_of(entries: Sequence[Entry], *, worths: bool) -> str:
    """`  net liq -$523.00 since 2026-11-01, low $48,233.00, high $51,244.00`; nothing where it never changed."""
    name = "net_liquidating_value" if worths else _PROFIT
    known = [each for each in entries if getattr(each, name) is not None]
    currencies = {each.currency for each in known}
    values = [getattr(each, name) for each in known]
    if len(set(values)) < 2 or len(currencies) > 1:
        return ""
    currency = currencies.pop()
    since = money(total(values[-1], values[0].copy_negate()), currency, sign=True)
    low, high = (money(each, currency, sign=not worths) for each in (min(values), max(values)))
    title = _MONEY[name]
    return f"  {title} {since} since {known[0].fetched_at:%Y-%m-%d}, low {low}, high {high}"


def _of_positions(part: Sum | None) -> str:
    """`open P/L of 2 of 3`; nothing where all of it or nothing is known."""
    is_part = part is not None and 0 < part.known < part.count
    return f"open P/L of {part.known} of {part.count}" if part and is_part else ""


def _rows(
    entries: Sequence[Entry], parts: Sequence[Sum | None]
) -> Iterator[tuple[str, str, str, str]]:
    """The cells of each entry; with seconds where two would show the same minute, and `~` before what is known in part."""
    minutes = [f"{each.fetched_at:%Y-%m-%d %H:%M}" for each in entries]
    form = "%Y-%m-%d %H:%M" if len(set(minutes)) == len(minutes) else "%Y-%m-%d %H:%M:%S"
    for each, part in zip(entries, parts, strict=True):
        partly = "~" if _of_positions(part) else ""
        profit = part.amount if part else each.unrealized_pl
        yield (
            f"{each.fetched_at:{form}}",
            money(each.net_liquidating_value, each.currency),
            f"{partly}{money(profit, each.currency, sign=True)}",
            f"{each.positions:,}",
        )


def _table(
    titles: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    ends: Sequence[str],
    width: int | None,
) -> Iterator[str]:
    """The rows below their titles, without the count and closer together where there is no room; else a list."""
    fewer = [each for each in titles if each != _COUNT]
    for columns, margin, gap in ((titles, "  ", "  "), (fewer, "  ", "  "), (fewer, "", " ")):
        lines = [
            f"{line}  {end}".rstrip()
            for line, end in zip(_aligned(columns, rows, margin, gap), ends, strict=True)
        ]
        if width is None or max(map(len, lines)) <= width:
            yield from lines
            return
    for row, end in zip(rows, ends[1:], strict=True):
        labelled = [f"{title} {row[title]}" for title in fewer if title != _TIME]
        yield from _broken([f"  {row[_TIME]} UTC", *labelled, end], width)


def _aligned(
    columns: Sequence[str], rows: Sequence[Mapping[str, str]], margin: str, gap: str
) -> Iterator[str]:
    """The time to the left, the numbers below each other to the right."""
    table = [dict(zip(columns, columns, strict=True)), *rows]
    lengths = {column: max(len(row[column]) for row in table) for column in columns}
    for row in table:
        cells = (
            row[each].ljust(lengths[each]) if each == _TIME else row[each].rjust(lengths[each])
            for each in columns
        )
        yield f"{margin}{gap.join(cells)}".rstrip()


def _in_one(converted: Converted | None) -> str:
    """`(net liq €1,234.50, open P/L +€5.00; 1 USD = 0.946 EUR; ECB reference rates, 2026-11-25)`."""
    if converted is None or not (converted.rates or converted.missing):
        return ""
    worth = money(converted.sums["net_liquidating_value"].amount, converted.currency)
    profit = money(converted.sums["unrealized_pl"].amount, converted.currency, sign=True)
    return f"(net liq {worth}, open P/L {profit}; {converted.stated})"


def _broken(pieces: Iterable[str], width: int | None) -> Sequence[str]:
    """The pieces side by side as far as there is room, then below each other."""
    return in_lines(pieces, width, later=_LATER)


def _fitted(line: str, width: int | None) -> Sequence[str]:
    """A line that may be too wide, broken at words."""
    return in_lines([line], width, later=_LATER)


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


def diff_lines(
    found: Sequence[Comparison], width: int | None, labels: Mapping[str, str] = NO_LABELS
) -> Iterator[str]:
    """What changed, by account; `width` is that of the terminal, None for a file or a pipe, `labels` are by hash."""
    if not found:
        yield "There are not two documents to compare yet."
        return
    none_changed = all(each.changes == Changes() for each in found)
    for each in found:
        yield from _broken(_heading(each, labels), width)
        if each.changes == Changes():
            yield from () if none_changed else ("  nothing changed",)
            continue
        for _document, _caution, what in each.cautions:
            yield f"{_CAUTION}{what}" if width is None else _at_words(f"{_CAUTION}{what}", width)
        if width is not None and (table := _table_that_fits(each, width)):
            yield from table
            continue
        for line in _changes(each, None if width is None else MAX_LISTED):
            yield line if width is None else _at_words(line, width)
    if none_changed:
        yield "Nothing changed."


def _heading(of: Comparison, labels: Mapping[str, str]) -> Iterator[str]:
    """The account, the time between the two states, and what happened to its money in each currency."""
    if of.account:
        yield labels.get(of.account, of.account)
    yield f"{_span(of.before.fetched_at, of.after.fetched_at)} UTC"
    for currency in dict.fromkeys((*of.after.totals, *of.before.totals)):
        for name, title in _MONEY.items():
            before, after = (_sum(state, currency, name) for state in (of.before, of.after))
            if after is not None and any(map(_is_known, (before, after))):
                yield f"{title} {_money(before, after, currency, sign=name == _PROFIT)}"
    yield _of_what_is_gone(of)


def _of_what_is_gone(of: Comparison) -> str:
    """So that nobody takes a profit that was realized for a loss of open profit; nothing where it is not known."""
    changes = of.changes
    reduced = [each for each in changes.changed if each.is_reduced or each.is_reversed]
    profits = [each.profit_gone for each in (*changes.closed, *changes.expired, *reduced)]
    profits += [each.closed.unrealized_pl for each in changes.rolled]
    known = [each for each in profits if each is not None]
    if not known or len(known) < len(profits) or len(_currencies(of)) > 1:
        return ""
    amount = money(total(*known), _only_currency(of), sign=True)
    parts = sum(each.is_reduced for each in reduced)
    share = f" (with the share of {plural(parts, 'position')} closed in part)" if parts else ""
    return f"gone: last open P/L {amount}{share}"


def _span(before: datetime, after: datetime) -> str:
    """`2026-11-26 12:40 → 13:05`: the day once, and seconds where the minute is the same."""
    minutes = [f"{each:%Y-%m-%d %H:%M}" for each in (before, after)]
    clock = "%H:%M:%S" if minutes[0] == minutes[1] else "%H:%M"
    day = "" if before.date() == after.date() else "%Y-%m-%d "
    return f"{before:%Y-%m-%d {clock}} → {after:{day}{clock}}"


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


def _table_that_fits(of: Comparison, width: int) -> list[str]:
    """The table, else the same without the names of strategies; empty where that is too wide too."""
    for each in (of, structs.replace(of, strategies={})):
        table = list(change_table(each))
        if table and max(map(len, table)) <= width:
            return table
    return []


def change_table(of: Comparison) -> Iterator[str]:
    """The changes as a table with headings, for a screen that has room for it; nothing where nothing changed."""
    rows: list[tuple[str, ...]] = []
    for kind in KINDS:
        found: Sequence[Change] = getattr(of.changes, kind)
        rows += [(kind, *_change_cells(of, each)) for each in found[:MAX_LISTED]]
        rows += [(line.strip(),) for line in _more(kind, len(found), MAX_LISTED)]
    for roll in of.changes.rolled[:MAX_LISTED]:
        rows += [("rolled", *cells) for cells in _roll_cells(of, roll)]
    rows += [(line.strip(),) for line in _more("rolled", len(of.changes.rolled), MAX_LISTED)]
    if not rows:
        return
    cells = [_CHANGE_TITLES, *(row for row in rows if len(row) > 1)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(_CHANGE_TITLES))]
    for row in (_CHANGE_TITLES, *rows):
        placed = (
            text.rjust(width) if place in _NUMBERS else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=False))
        )
        yield f"  {'  '.join(placed)}".rstrip() if len(row) > 1 else f"  {row[0]}"


_CHANGE_TITLES = ("change", "position", "before", "now", "open P/L", "")
_NUMBERS = (2, 3, 4)


def _change_cells(of: Comparison, each: Change) -> tuple[str, ...]:
    profit = each.profit_after if each.after else each.profit_before
    shown = "" if profit is None else money(profit, _only_currency(of), sign=True)
    looks = f"looks {each.looks}" if each.looks else ""
    about = ", ".join(filter(None, (looks, _part_of(of, each.symbol).strip())))
    return (contract_name(each.symbol), quantity(each.before), quantity(each.after), shown, about)


def _roll_cells(of: Comparison, roll: Roll) -> Iterator[tuple[str, ...]]:
    """What was closed with its last profit and how far it was moved, and below it what took its place."""
    for each, mark, amounts, about in (
        (
            roll.closed,
            "",
            (quantity(roll.closed.quantity), "0"),
            ", ".join(_moved(roll, short=True)),
        ),
        (
            roll.opened,
            "→ ",
            ("0", quantity(roll.opened.quantity)),
            _part_of(of, roll.opened.symbol),
        ),
    ):
        profit = each.unrealized_pl
        shown = "" if profit is None else money(profit, _only_currency(of), sign=True)
        yield f"{mark}{contract_name(each.symbol)}", *amounts, shown, about.strip()


def _at_words(line: str, width: int) -> str:
    return at_words(line.strip(), width, first="  ", later="    ")


def _changes(of: Comparison, most: int | None) -> Iterator[str]:
    """A line for each change, of each kind at most as many as that."""
    for kind in KINDS:
        found: Sequence[Change] = getattr(of.changes, kind)
        for each in found[:most]:
            yield f"  {kind:8} {_change(of, each)}"
        yield from _more(kind, len(found), most)
    for roll in of.changes.rolled[:most]:
        yield f"  rolled   {_roll(of, roll)}{_part_of(of, roll.opened.symbol)}"
    yield from _more("rolled", len(of.changes.rolled), most)


def _more(kind: str, count: int, most: int | None) -> Iterator[str]:
    if most is not None and count > most:
        yield f"  {kind:8} and {count - most:,} more: `variance diff | less` shows all"


def _change(of: Comparison, each: Change) -> str:
    looks = f", looks {each.looks}" if each.looks else ""
    moved = f"{quantity(each.before)} → {quantity(each.after)}"
    return f"{contract_name(each.symbol)}: {moved}{_profit(of, each)}{looks}{_part_of(of, each.symbol)}"


def _profit(of: Comparison, each: Change) -> str:
    """`, open P/L +$450.00`, of what is gone the last that was known."""
    last, now = each.profit_before, each.profit_after
    if not each.after:
        return (
            "" if last is None else f", last open P/L {money(last, _only_currency(of), sign=True)}"
        )
    if not each.before or now is None:
        return ""
    return f", open P/L {money(now, _only_currency(of), sign=True)}"


def _only_currency(of: Comparison) -> str | None:
    """That of all positions; None where they are in several, so that an amount stands without a sign."""
    currencies = _currencies(of)
    return currencies.pop() if len(currencies) == 1 else None


def _currencies(of: Comparison) -> set[str | None]:
    """Those of the positions before and after; that of balances alone does not count."""
    return {
        currency
        for state in (of.before, of.after)
        for currency, totals in state.totals.items()
        if totals.sums[_PROFIT].count
    }


def _roll(of: Comparison, roll: Roll) -> str:
    """`SPY 2026-01-16 640 put → SPY 2026-02-20 635 put (-1, 35 days later, strike -5, last open P/L +$40.00)`."""
    closed, opened = roll.closed, roll.opened
    about = [quantity(opened.quantity), *_moved(roll)]
    if closed.unrealized_pl is not None:
        about.append(f"last open P/L {money(closed.unrealized_pl, _only_currency(of), sign=True)}")
    return f"{contract_name(closed.symbol)} → {contract_name(opened.symbol)} ({', '.join(about)})"


def _moved(roll: Roll, *, short: bool = False) -> Iterator[str]:
    """`35 days later` (short: `+35 d`), `strike -5`."""
    closed, opened = roll.closed, roll.opened
    if closed.expiration is not None and opened.expiration is not None:
        days = (opened.expiration - closed.expiration).days
        if days and short:
            yield f"{days:+} d"
        elif days:
            yield f"{plural(abs(days), 'day')} {'later' if days > 0 else 'earlier'}"
    strikes = [_strike(each.symbol) for each in (closed, opened)]
    if None not in strikes and strikes[0] != strikes[1]:
        before, after = (each or Decimal(0) for each in strikes)
        moved = total(after, before.copy_negate())
        yield f"strike {'+' if moved > 0 else ''}{quantity(moved)}"


def _strike(symbol: str) -> Decimal | None:
    try:
        return parse(symbol).strike
    except SymbolError:
        return None


def coloured(line: str, labels: Iterable[str] = ()) -> str:
    """The line with its account and kinds of change marked, its gains green, its losses red. Last of all: colours have no width.

    Args:
        line: as the terminal shows it.
        labels: what the user calls the accounts.
    """
    if line.startswith(_CAUTION):
        return click.style(line, fg=YELLOW.fg)
    line = _KIND.sub(lambda found: click.style(found[0], fg=_KINDS[found[0]].fg), line)
    line = _ACCOUNT.sub(lambda found: click.style(found[0], bold=True), line)
    for label in labels:
        line = re.sub(
            rf"^(?:[a-z]\S* )?{re.escape(label)}(?=  |$)",
            lambda found: click.style(found[0], bold=True),
            line,
        )
    return _GAIN.sub(lambda found: click.style(found[0], fg=_COLOURS[found[0][0]].fg), line)


_CAUTION = "  caution: "
_COLOURS = {"+": GREEN, "-": RED}
_KINDS = {
    "opened": CYAN,
    "closed": YELLOW,
    "changed": BLUE,
    "expired": YELLOW,
    "rolled": MAGENTA,
}
_KIND = re.compile(rf"(?<=^  )(?:{'|'.join(_KINDS)})\b", re.MULTILINE)
_ACCOUNT = re.compile(
    r"^(?:(?:\S+ )?[0-9a-f]{4,64}\*{3}|(?:all )?\d+ accounts(?: in [A-Z]{3})?(?=  | \(|$))"
)
_GAIN = re.compile(
    r"(?:(?<=P/L )|(?<=liq )|(?<=low )|(?<=high )|(?<=P/L\n    )|(?<=\()|(?<=  )|(?<=\d ))[+-](?:[A-Z]{3} |[^\w\s])?[\d,]+\.\d\d\b(?! →)"
)
"""A signed amount: behind its name, in parentheses, or in a column. A quantity stands before an arrow or behind it."""


def _part_of(of: Comparison, symbol: str) -> str:
    """`  in Iron Condor`; nothing for shares alone, or where strategies are not known."""
    names = of.strategies.get(symbol, ())
    return f"  in {' and '.join(names)}" if names else ""
