"""The positions of a snapshot as a table for the terminal: grouped by root, with totals and the age of the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, repeat
from textwrap import wrap
from typing import TYPE_CHECKING

from msgspec import Struct
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from variance_bridge.cli.tables.positions_columns import (
    DERIVED,
    QUANTITY,
    SIDE,
    TOGETHER,
    UNDERLYING,
    Column,
    columns,
    name_of,
    signed_quantity,
    strike_of,
    sum_text,
    worth,
)
from variance_bridge.cli.tables.positions_head_and_foot import (
    account_currency,
    foot,
    head,
    is_foreign,
)
from variance_bridge.cli.tables.table_lines import BETWEEN, Table
from variance_bridge.formatting import plural, price, printable
from variance_bridge.model import Holding, Portfolio
from variance_bridge.prices import underlying_prices, with_underlying_price
from variance_bridge.reading.load import Snapshot
from variance_bridge.symbology import InstrumentType
from variance_bridge.terminal import YELLOW, columns_that_fit, not_shown

if TYPE_CHECKING:
    from variance_bridge.cli.tables.positions_filter_and_order import Order

_MIN_NAME = 12
"""Room for a date below its underlying's name."""


class _Row(Struct, frozen=True):
    """A line of the table, with a cell for every column that there might be."""

    cells: Sequence[Text]
    ends_section: bool = False
    short_name: Text | None = None
    """The first cell where the price of the underlying has a column of its own."""
    signed_quantity: Text | None = None
    """The quantity where the side has no column of its own."""


class PositionsTable(Struct, frozen=True, kw_only=True):
    """Table and totals, in as many columns as there is room for. An unknown number is a dash, never a zero.

    No number is ever cut: a narrow terminal gets fewer columns, then names on several lines. Where numbers alone are
    wider than the terminal, so are the lines.

    Attributes:
        positions: the rows, those of one root together.
        read_at: from which days to expiration are counted.
        currency: of the sums. None: a sum is of one currency, or unknown.
        accounts: what to call the account of each position, where they are of several.
        sort: what they are sorted by, a name in `KEYS`: that column is always shown. Sorted positions are not grouped.
        of: how many positions there are, where not all are listed.
        above: what stands above the table.
        below: what stands below it.
    """

    positions: Sequence[Holding]
    read_at: datetime
    currency: str | None = None
    accounts: Sequence[str] | None = None
    sort: str | None = None
    of: int | None = None
    above: Iterable[RenderableType] = ()
    below: Iterable[RenderableType] = ()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print itself; called by rich."""
        all_columns = columns(self.positions, self.read_at, self.currency)
        rows = list(self._rows(all_columns))
        footer = [self._counted(), *(self._footer(column) for column in all_columns)]
        widths = [
            max(cell_len(text) for text in (name, *(row.cells[place].plain for row in rows)))
            for place, name in enumerate(("Position", *(column.name for column in all_columns)))
        ]
        widths = [max(wide, footer[place].cell_len) for place, wide in enumerate(widths)]
        at_quantity = next(n for n, column in enumerate(all_columns) if column.name == QUANTITY)
        signed = (row.signed_quantity.cell_len for row in rows if row.signed_quantity)
        widths[at_quantity + 1] = max(widths[at_quantity + 1], *signed, 0)
        ranks = [self._rank(column) for column in all_columns]
        with_gap = [wide + BETWEEN for wide in widths[1:]]
        kept = columns_that_fit(with_gap, ranks, options.max_width - widths[0] - 2)
        numbers = sum(with_gap[place] for place in kept) + 2
        names = [row.cells[0] for row in rows]
        room = min(widths[0], max(_min_width(names), options.max_width - numbers))
        shown = [all_columns[place] for place in kept]
        table = Table(
            widths=[room, *(widths[place + 1] for place in kept)],
            justify=["left", *(column.justify for column in shown)],
        )
        names_of_columns = [Text("Position"), *(Text(column.name) for column in shown)]
        yield from self.above
        yield from table.head(console, names_of_columns)
        names_shown = {column.name for column in shown}
        for row in rows:
            name = row.short_name if UNDERLYING in names_shown and row.short_name else row.cells[0]
            cells = [_folded(name, room), *(row.cells[place + 1] for place in kept)]
            if SIDE not in names_shown and row.signed_quantity:
                cells[1 + kept.index(at_quantity)] = row.signed_quantity
            yield from table.line(console, cells)
            if row.ends_section and row is not rows[-1]:
                yield from table.blank()
        below = [_folded(footer[0], room), *(footer[place + 1] for place in kept)]
        yield from table.foot(console, below)
        yield from self._explained(shown, [*(row.cells[1:] for row in rows), footer[1:]], kept)
        missing = [
            each.name
            for place, each in enumerate(all_columns)
            if place not in kept and each.name != SIDE
        ]
        if missing:
            yield Text(not_shown(missing), style="dim")
        yield from self.below

    def _explained(
        self, shown: Sequence[Column], lines: Sequence[Sequence[Text]], kept: Sequence[int]
    ) -> Iterator[Text]:
        """What a `~` before a mark and a `*` in a sum mean, where there are any."""
        starred = {place for cells in lines for place in kept if cells[place].plain.endswith("*")}
        summed = [column for place, column in zip(kept, shown, strict=True) if place in starred]
        if any(cells[place].plain.startswith(DERIVED) for cells in lines for place in kept):
            yield Text(
                f"{DERIVED} No mark is stated: the middle of bid and ask, else the last price.",
                style="dim",
            )
        if reasons := " and ".join(self._left_out(summed)):
            yield Text(f"* Sums leave out {reasons}.", style="dim")

    def _left_out(self, summed: Sequence[Column]) -> Iterator[str]:
        """Why these columns' sums lack something."""
        if not summed:
            return
        currency = self.currency
        own = [each for each in self.positions if not (currency and is_foreign(each, currency))]
        if len(own) < len(self.positions):
            yield f"what is not in {currency}"
        futures = [each for each in own if each.type is InstrumentType.FUTURE]
        by_worth = any(column.adds_up is worth for column in summed)
        if by_worth and any(each.market_value for each in futures):
            yield "the notional of futures"
        if any(
            column.adds_up is not None and column.adds_up(each) is None
            for column in summed
            for each in own
            if column.adds_up is not worth or each not in futures
        ):
            yield "what is unknown"

    def _rank(self, column: Column) -> int:
        if self.sort is None:
            return column.rank
        from variance_bridge.cli.tables.positions_filter_and_order import sort_key

        if sort_key(column.name) == self.sort:
            return 0
        return 1 if (self.sort, column.name) == ("pl", "P/L %") else column.rank

    def _rows(self, shown: Sequence[Column]) -> Iterator[_Row]:
        named = zip(self.positions, self.accounts or repeat(""), strict=False)
        if self.sort is None:
            groups = [list(group) for _root, group in groupby(named, lambda one: one[0].root)]
        else:
            groups = [[each] for each in named]
        for group, following in zip(groups, [*groups, []][1:], strict=True):
            alone, holdings = len(group) == 1, [holding for holding, _account in group]
            if not alone:
                sums = [self._sum(column, holdings) for column in shown]
                short = _heading(holdings, with_price=False)
                yield _Row([_heading(holdings), *sums], short_name=short)
            strikes = max(len(strike_of(holding)) for holding in holdings)
            for holding, account in group:
                name = self._name(holding, alone=alone, strike_width=strikes)
                if account:
                    name.append(f"  {account}", style="not bold dim")
                last = holding is holdings[-1] and (not alone or len(following) > 1)
                yield _Row(
                    [name, *(column.cell(holding) for column in shown)],
                    ends_section=last,
                    signed_quantity=signed_quantity(holding),
                )

    def _name(self, holding: Holding, *, alone: bool, strike_width: int) -> Text:
        text = name_of(holding, alone=alone, strike_width=strike_width)
        name = Text(text, style="bold") if alone else Text(f"  {text}")
        if self._is_foreign(holding):
            name.append(f"  {holding.currency}", style=YELLOW.style)
        return name

    def _counted(self) -> Text:
        count = len(self.positions)
        if self.of is None or self.of == count:
            return Text(plural(count, "position"))
        return Text(f"{count} of {plural(self.of, 'position')}")

    def _footer(self, column: Column) -> Text:
        if column.over != "account":
            return Text()
        return self._sum(column, self.positions, self.currency)

    def _sum(self, column: Column, holdings: Sequence[Holding], unit: str | None = None) -> Text:
        """What adds up in one currency; another currency's money is as good as unknown.

        Args:
            column: that is summed.
            holdings: that are summed.
            unit: the currency that stands with the sum of all: with the others only where it is not the table's.
        """
        if column.adds_up is None:
            return Text()
        amount, currency = column.adds_up, self.currency
        if currency is None and len(named := {one.currency for one in holdings}) == 1:
            (currency,) = named
            unit = currency
        amounts = (None if is_foreign(one, currency) else amount(one) for one in holdings)
        return sum_text(amounts, unit, column.shows)

    def _is_foreign(self, holding: Holding) -> bool:
        return is_foreign(holding, self.currency)


def positions_table(
    snapshot: Snapshot, order: Order | None = None, label: str | None = None
) -> PositionsTable:
    """The table of a snapshot, with its head and foot, for rich to print; `label` is the account's, if it has one."""
    listed = priced(snapshot.portfolio)
    return PositionsTable(
        positions=order.arranged(listed, lambda holding: holding) if order else listed,
        read_at=snapshot.read_at,
        currency=account_currency(snapshot.portfolio),
        sort=order.sort if order else None,
        of=len(listed),
        above=(head(snapshot, label),),
        below=foot(snapshot, of_part=order is not None and bool(order.roots)),
    )


def priced(portfolio: Portfolio) -> list[Holding]:
    """The positions of an account, options with the price of their underlying where any position states it."""
    prices = underlying_prices(portfolio.positions, portfolio.currency)
    return [with_underlying_price(each, prices, portfolio.currency) for each in portfolio.positions]


def _min_width(names: Iterable[Text]) -> int:
    """The narrowest column of names in which no date and no strike is cut."""
    words = (word for name in names for word in name.plain.split(" ") if TOGETHER in word)
    return max(_MIN_NAME, max((len(word) + 2 for word in words), default=0))


def _folded(name: Text, width: int) -> Text:
    """The name on as many lines as that width needs."""
    plain = name.plain.replace(TOGETHER, " ")
    if cell_len(plain) <= width:
        name.plain = plain
        return name
    indent = "  " if plain.startswith(" ") else ""
    lines = wrap(name.plain.strip(), width, initial_indent=indent, subsequent_indent=indent)
    return Text("\n".join(lines).replace(TOGETHER, " "), style=name.style)


def _heading(group: Sequence[Holding], *, with_price: bool = True) -> Text:
    """The root, and the price of its underlying where the legs agree on one."""
    heading = Text(printable(group[0].root), style="bold")
    prices = {one.quote.underlying_price for one in group if one.quote} - {None}
    if with_price and len(prices) == 1:
        heading.append(f"  {price(prices.pop())}", style="not bold dim")
    return heading
