"""Several accounts on the terminal: which of them count, their totals by currency, and their positions side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, structs
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from variance_bridge.cli.tables.positions_table import PositionsTable
from variance_bridge.errors import PositionsTooOld
from variance_bridge.formatting import UNKNOWN, age_words, format_age, money, printable, short_path
from variance_bridge.model import Holding, Timeliness
from variance_bridge.money import Sum
from variance_bridge.prices import underlying_prices, with_underlying_price
from variance_bridge.reading.book import Book, Source
from variance_bridge.reading.freshness import Freshness
from variance_bridge.terminal import GREEN, RED, YELLOW, in_lines

if TYPE_CHECKING:
    from variance_bridge.cli.tables.positions_filter_and_order import Order
    from variance_bridge.reading.currency_conversion import Converted

_BESIDE, _FURTHER_IN = "  ", "    "
_MIN_LINE = 20
NO_LABELS: Mapping[str, str] = {}
_ALL = "of all positions"
"""What a total says of itself where only some of the positions are listed."""


class BookTable(Struct, frozen=True):
    """The whole book, for rich to print; `labels` are the user's own, by account hash."""

    book: Book
    order: Order | None = None
    converted: Converted | None = None
    labels: Mapping[str, str] = NO_LABELS

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print itself; called by rich."""
        listed = list(_side_by_side(self.book, self.labels))
        rows = self.order.arranged(listed, lambda row: row[0]) if self.order else listed
        currencies = {holding.currency for holding, _account in rows}
        own = currencies.pop() if len(currencies) == 1 else None
        yield from PositionsTable(
            positions=[holding for holding, _account in rows],
            read_at=self.book.read_at,
            currency=own,
            accounts=[account for _holding, account in rows],
            sort=self.order.sort if self.order else None,
            of=len(listed),
            above=[*above(self.book, self.converted, self.labels, of_part=self._is_part)],
            below=[*_below(self.book)],
        ).__rich_console__(console, options)

    @property
    def _is_part(self) -> bool:
        return self.order is not None and bool(self.order.roots)


def above(
    book: Book,
    converted: Converted | None,
    labels: Mapping[str, str] = NO_LABELS,
    *,
    of_part: bool = False,
) -> Iterator[RenderableType]:
    """How many accounts, each of them, and the totals of those that count; above a part of the positions they say that they are of all."""
    style = "bold" if not book.failed else YELLOW.bold
    yield Text(f"All accounts: {book.headline}", style=style)
    names = _names(book, labels)
    if book.sources:
        yield _SourceLines([_source(each, names) for each in book.sources])
    for currency, totals in book.totals_by_currency.items():
        yield _total_line(currency, totals.sums, _ALL if of_part else "", _missing_from(book))
    if converted is not None:
        yield converted_line(converted, book)


class _SourceLines(Struct, frozen=True):
    """The sources below each other. Where there is no room beside it, a file stands on a line of its own, further in."""

    rows: Sequence[Sequence[tuple[str, str]]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print itself; called by rich."""
        width = options.max_width
        widest = [max(len(row[place][0]) for row in self.rows) for place in range(2)]
        aligned = [_beside(row[:-1], widest) for row in self.rows]
        if max(line.cell_len for line in aligned) > width:
            aligned = [_beside(row[:-1], (0, 0)) for row in self.rows]
        files = [row[-1] for row in self.rows]
        fit = all(
            line.cell_len + len(_BESIDE) + len(name) <= width
            for line, (name, _style) in zip(aligned, files, strict=True)
        )
        for line, (name, style) in zip(aligned, files, strict=True):
            if fit:
                yield line.append(_BESIDE).append(name, style=style)
                continue
            first, *more = line.wrap(console, max(width, _MIN_LINE))
            yield first
            yield from (Padding(part, (0, 0, 0, len(_FURTHER_IN)), expand=False) for part in more)
            yield Text(f"{_FURTHER_IN}{short_path(name, width - len(_FURTHER_IN))}", style=style)


def _beside(cells: Sequence[tuple[str, str]], widths: Sequence[int]) -> Text:
    line = Text(_BESIDE)
    for place, (text, style) in enumerate(cells):
        line.append(_BESIDE if place else "")
        line.append(text.ljust(widths[place] if place < len(widths) else 0), style=style)
    line.rstrip()
    return line


def _source(source: Source, names: Mapping[int, str]) -> list[tuple[str, str]]:
    snapshot = source.snapshot
    if snapshot is None:
        what = source.error.what if source.error else UNKNOWN
        return [(UNKNOWN, "dim"), (UNKNOWN, "dim"), (f"MISSING  {what}", RED.bold), _file(source)]
    meta = snapshot.portfolio.meta
    age = age_words(snapshot.age, end_of_day=meta.timeliness is Timeliness.END_OF_DAY)
    state = (age, GREEN.style)
    if source.replaced_by is not None:
        state = (f"not counted, another is newer  {age}", "dim")
    elif source.error is not None:
        too_old = isinstance(source.error, PositionsTooOld)
        state = (f"TOO OLD  {age}" if too_old else f"REFUSED  {source.error.what}", RED.bold)
    elif snapshot.freshness is Freshness.STALE:
        state = (f"STALE  {age}", YELLOW.bold)
    account = printable(names.get(id(snapshot), meta.account_hash or UNKNOWN))
    return [(printable(meta.source), "bold"), (account, ""), state, _file(source)]


def _file(source: Source) -> tuple[str, str]:
    return (printable(source.file), "dim")


class TotalLine(Struct, frozen=True, kw_only=True):
    """The totals in one currency, on as many lines as they need: no amount is broken.

    Attributes:
        name: what the totals are of.
        amounts: each with its name.
        note: what there is to say about them: that accounts are missing, or the rates.
    """

    name: str
    amounts: Sequence[str]
    note: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print itself; called by rich."""
        width = options.max_width
        first, *amounts = self.amounts or ("",)
        pieces = [f"{self.name}  {first}".rstrip(), *amounts]
        below = " " * (len(self.name) + 2)
        lines = [Text(line) for line in in_lines(pieces, width, between="   ", later=below)]
        lines[0].stylize("bold", 0, len(self.name))
        if self.note:
            if lines[-1].cell_len + 3 + len(self.note) <= width:
                lines[-1].append("   ")
            else:
                lines.append(Text(below))
            lines[-1].append(self.note, style=YELLOW.style)
        yield from lines


def _total_line(
    currency: str | None, sums: Mapping[str, Sum], *notes: str, name: str | None = None
) -> TotalLine:
    said = "; ".join(filter(None, notes))
    return TotalLine(
        name=name or currency or "?",
        amounts=[
            f"{title} {_amount(sums[key], noun, currency)}"
            for key, (title, noun) in _SHOWN.items()
            if sums[key].count
        ],
        note=f"({printable(said)})" if said else "",
    )


def converted_line(converted: Converted, book: Book) -> TotalLine:
    """The totals of the book in one currency, with the rates that they rest on."""
    return _total_line(
        converted.currency,
        converted.sums,
        _missing_from(book),
        converted.stated,
        name=f"All in {converted.currency}",
    )


def _missing_from(book: Book) -> str:
    return book.headline if book.failed else ""


_SHOWN = {
    "net_liquidating_value": ("Net liq", "account"),
    "cash": ("Cash", "account"),
    "unrealized_pl": ("Open P/L", "position"),
}


def _amount(sum_: Sum, noun: str, currency: str | None) -> str:
    """An amount; of what is known in part only, how much of it."""
    shown = money(sum_.amount, currency, sign=noun == "position")
    if sum_.complete is not None or sum_.amount is None:
        return shown
    return f"{shown} ({sum_.known} of {sum_.count} {noun}s)"


def _side_by_side(book: Book, labels: Mapping[str, str]) -> Iterator[tuple[Holding, str]]:
    """The positions by root, each with the name of its account, and its currency stated."""
    names = _names(book, _in_few_words(labels))
    portfolios = {id(each): each.portfolio for each in book.snapshots}
    prices = {
        each: underlying_prices(portfolio.positions, portfolio.currency)
        for each, portfolio in portfolios.items()
    }
    for held in (each for found in book.by_root().values() for each in found):
        own = held.snapshot.portfolio.currency
        holding = with_underlying_price(held.holding, prices[id(held.snapshot)], own)
        account = names[id(held.snapshot)]
        if account.endswith(_MASK):
            account = account[:_ACCOUNT_DIGITS]
        yield structs.replace(holding, currency=holding.currency or own), account


def _in_few_words(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels as rows have room for them: their first words, as many as tell them apart."""
    words = {each: label.split() for each, label in labels.items()}

    def is_alone(account: str, count: int) -> bool:
        return sum(its[:count] == words[account][:count] for its in words.values()) == 1

    return {
        each: " ".join(its[: next((n for n in range(1, len(its)) if is_alone(each, n)), len(its))])
        for each, its in words.items()
    }


_ACCOUNT_DIGITS = 6
_MASK = "***"


def _names(book: Book, labels: Mapping[str, str]) -> dict[int, str]:
    """What each account is called: its label, else its hash; its number in the book where it has none, as in an export."""
    hashes = [each.portfolio.meta.account_hash for each in book.snapshots]
    return {
        id(each): labels.get(own or "") or own or f"#{place}"
        for place, (each, own) in enumerate(zip(book.snapshots, hashes, strict=True), 1)
    }


def _below(book: Book) -> Iterable[Text]:
    limits = {str(each.limits) for each in book.snapshots}
    yield from (Text(f"Positions: {each}", style="dim") for each in sorted(limits))
    if book.stale:
        oldest = max(each.snapshot.age for each in book.stale if each.snapshot)
        yield Text(f"The oldest positions are {format_age(oldest)} old.", style=YELLOW.style)
