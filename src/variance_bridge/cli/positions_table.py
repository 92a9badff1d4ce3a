"""The positions of a snapshot as a table for the terminal: grouped by root, with totals and the age of the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from itertools import groupby

from rich import box
from rich.console import Group, JustifyMethod
from rich.table import Table
from rich.text import Text

from variance_bridge.freshness import Freshness, in_words
from variance_bridge.model import Holding, Side
from variance_bridge.screen import printable
from variance_bridge.snapshot import Snapshot

_SIDE_STYLE = {Side.LONG: "green", Side.SHORT: "red"}
_AGE_STYLE = {Freshness.FRESH: "green", Freshness.STALE: "yellow"}
_CENT = Decimal("0.01")
UNKNOWN = "–"


def positions_table(snapshot: Snapshot) -> Group:
    """Head, table and totals. An unknown number is a dash, never a zero."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=True, expand=False)
    positions = snapshot.portfolio.positions
    for name, footer in zip(_COLUMNS, _footers(positions), strict=True):
        table.add_column(name, footer=footer, justify=_JUSTIFY.get(name, "right"), no_wrap=True)
    for _root, group in groupby(positions, key=lambda holding: holding.root):
        rows = list(group)
        _add_group(table, rows)
    return Group(_head(snapshot), table, *_foot(snapshot))


_JUSTIFY: Mapping[str, JustifyMethod] = {"Symbol": "left", "Side": "left"}
_COLUMNS = ("Symbol", "Side", "Qty", "Avg", "Mark", "Value", "P/L")


def _add_group(table: Table, rows: Sequence[Holding]) -> None:
    if len(rows) > 1:
        root = Text(printable(rows[0].root), style="bold")
        value, profit = _sum(r.market_value for r in rows), _sum(r.unrealized_pl for r in rows)
        table.add_row(root, "", "", "", "", value, _signed(profit))
    for place, holding in enumerate(rows):
        indent = "  " if len(rows) > 1 else ""
        table.add_row(
            *_cells(holding, indent), end_section=place == len(rows) - 1 and len(rows) > 1
        )


def _cells(holding: Holding, indent: str) -> Iterable[Text | str]:
    mark = holding.quote.mark if holding.quote else None
    yield Text(indent + printable(holding.symbol), style="" if indent else "bold")
    yield Text(holding.side.value, style=_SIDE_STYLE[holding.side])
    yield _plain(holding.quantity)
    yield _price(holding.average_price)
    yield _price(mark)
    yield _money(holding.market_value)
    yield _signed(_money(holding.unrealized_pl))


def _footers(positions: Sequence[Holding]) -> Iterable[Text | str]:
    yield f"{len(positions)} position{'' if len(positions) == 1 else 's'}"
    yield from ("", "", "", "")
    yield _sum(holding.market_value for holding in positions)
    yield _signed(_sum(holding.unrealized_pl for holding in positions))


def _sum(amounts: Iterable[Decimal | None]) -> str:
    """The total of what is known; marked with `*` where something is not."""
    listed = list(amounts)
    known = [amount for amount in listed if amount is not None]
    if not known:
        return UNKNOWN
    return _money(sum(known, Decimal(0))) + ("*" if len(known) < len(listed) else "")


def _signed(text: str) -> Text:
    style = "" if text in {UNKNOWN, "0.00"} else "red" if text.startswith("-") else "green"
    return Text(text, style=style)


def _money(amount: Decimal | None) -> str:
    if amount is None:
        return UNKNOWN
    return f"{amount.quantize(_CENT, rounding=ROUND_HALF_UP):,}"


def _price(price: Decimal | None) -> str:
    """A price in its own precision, at most six digits after the point."""
    if price is None:
        return UNKNOWN
    shown = price.quantize(Decimal("0.000001"), rounding=ROUND_HALF_UP)
    return f"{max(shown.normalize(), shown.quantize(_CENT), key=_digits):,f}"


def _digits(price: Decimal) -> int:
    exponent = price.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _plain(quantity: Decimal) -> str:
    return f"{quantity.normalize():,f}"


def _head(snapshot: Snapshot) -> Text:
    meta = snapshot.portfolio.meta
    parts = [
        meta.source,
        meta.account_hash or "",
        meta.environment.value if meta.environment else "",
    ]
    head = Text("  ".join(part for part in parts if part), style="bold")
    head.append("  ")
    head.append(f"{in_words(snapshot.age)} old", style=_AGE_STYLE[snapshot.freshness])
    if meta.rejected:
        head.append(f"  partial: {len(meta.rejected)} rejected", style="yellow")
    return head


def _foot(snapshot: Snapshot) -> Iterable[Text]:
    balances = snapshot.portfolio.balances
    if balances is not None:
        text = f"Net liq {_money(balances.net_liquidating_value)}   Cash {_money(balances.cash)}"
        if balances.buying_power is not None:
            text += f"   Buying power {_money(balances.buying_power)}"
        yield Text(f"{text} {balances.currency}")
    positions = snapshot.portfolio.positions
    values = [holding.market_value for holding in positions]
    profits = [holding.unrealized_pl for holding in positions]
    if positions and any(None in column and any(column) for column in (values, profits)):
        yield Text("* of what is known", style="dim")
