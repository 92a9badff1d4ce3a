"""The columns of the positions table: what each shows of a holding, and which of them add up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct
from rich.text import Text

from variance_bridge.formatting import UNKNOWN, money, number, price, printable, quantity, strike
from variance_bridge.model import Greeks, Holding, Quote, Side
from variance_bridge.money import product, quotient, total
from variance_bridge.symbology import InstrumentType
from variance_bridge.trading_hours import days_to_expiration

_SIDE_STYLE = {Side.LONG: "green", Side.SHORT: "red"}

TOGETHER = "\N{NO-BREAK SPACE}"
"""Stands in a name where a narrow column must not break it; a blank on the screen."""

UNDERLYING = "Underlying"

Amount = Callable[[Holding], Decimal | None]


class Column(Struct, frozen=True, kw_only=True):
    """One column.

    Attributes:
        rank: where it is narrow, the columns of the highest rank go first; those of rank 0 never.
        cell: what it shows of a holding.
        adds_up: the amount that is summed below it; None for a column without sums.
        over: the sums are of one underlying, or of the whole account too.
    """

    name: str
    rank: int
    cell: Callable[[Holding], Text]
    adds_up: Amount | None = None
    over: Literal["underlying", "account"] = "account"
    shows: Callable[[str], Text] = Text
    justify: Literal["left", "right"] = "right"


def columns(holdings: Sequence[Holding], now: datetime) -> tuple[Column, ...]:
    """The columns of a table of these holdings, in their order; those in which nothing is known are left out."""
    found = (
        Column(name="Side", rank=0, cell=_side, justify="left"),
        Column(name="Qty", rank=0, cell=lambda holding: Text(quantity(holding.quantity))),
        Column(name="Days", rank=2, cell=lambda holding: _days(holding, now)),
        Column(name=UNDERLYING, rank=6, cell=_underlying),
        Column(name="Avg", rank=4, cell=lambda holding: Text(price(holding.average_price))),
        Column(name="Mark", rank=3, cell=lambda holding: Text(price(_quote(holding).mark))),
        Column(
            name="Value",
            rank=1,
            adds_up=worth,
            cell=lambda holding: Text(money(holding.market_value)),
        ),
        _sum("P/L", 0, lambda holding: holding.unrealized_pl),
        Column(name="P/L %", rank=5, cell=_profit_share),
        _sum("Day", 7, lambda holding: holding.day_pl),
        _sum("Delta", 10, lambda holding: _greeks(holding).delta, "underlying", Text),
        _sum("β-Delta", 8, lambda holding: _greeks(holding).beta_delta, shows=Text),
        _sum("Theta", 9, lambda holding: _greeks(holding).theta, shows=Text),
    )
    return tuple(
        column
        for column in found
        if not column.rank
        or any(column.cell(holding).plain not in {"", UNKNOWN} for holding in holdings)
    )


def worth(holding: Holding) -> Decimal | None:
    """What a holding adds to the account's worth. A future's value is its notional, which nobody owns."""
    return None if holding.type is InstrumentType.FUTURE else holding.market_value


def _sum(
    name: str,
    rank: int,
    amount: Amount,
    over: Literal["underlying", "account"] = "account",
    shows: Callable[[str], Text] | None = None,
) -> Column:
    shows = shows or signed
    return Column(
        name=name, rank=rank, adds_up=amount, over=over, shows=shows,
        cell=lambda holding: shows(money(amount(holding))),
    )  # fmt: skip


def _quote(holding: Holding) -> Quote:
    return holding.quote or Quote()


def _greeks(holding: Holding) -> Greeks:
    return holding.greeks or Greeks()


def _side(holding: Holding) -> Text:
    return Text(holding.side.value, style=_SIDE_STYLE[holding.side])


def _days(holding: Holding, now: datetime) -> Text:
    if holding.expiration is None:
        return Text("")
    days = days_to_expiration(holding.expiration, now)
    return Text(str(days), style="bold red" if days <= 0 else "")


def _underlying(holding: Holding) -> Text:
    """The price of what an option is on; nothing for what is on nothing."""
    known = _quote(holding).underlying_price
    return Text("") if holding.strike is None and known is None else Text(price(known))


def _profit_share(holding: Holding) -> Text:
    profit, basis = holding.unrealized_pl, holding.cost_basis
    if profit is None or not basis:
        return Text(UNKNOWN)
    share = quotient(product(profit, Decimal(100)), basis.copy_abs())
    return signed(f"{number(share, 1)}%")


def name_of(holding: Holding, *, alone: bool, strike_width: int = 0) -> str:
    """What a row is called: an option by its terms, below its underlying's name or, where it is alone, after it."""
    if holding.expiration is None or holding.strike is None or holding.option_type is None:
        return printable(holding.symbol)
    if holding.type is InstrumentType.OPTION:
        contract = holding.symbol[:6].rstrip()
    else:
        contract = holding.underlying or holding.root
    named = f"{contract} " if alone or contract != holding.root else ""
    strike = strike_of(holding).rjust(strike_width)
    return printable(f"{named}{holding.expiration} {strike}{TOGETHER}{holding.option_type.value}")


def strike_of(holding: Holding) -> str:
    """The strike; empty where there is none."""
    return "" if holding.strike is None else strike(holding.strike)


def sum_of(amounts: Iterable[Decimal | None]) -> str:
    """The total of what is known, marked with `*` where something is not; no total of nothing known."""
    listed = list(amounts)
    known = [amount for amount in listed if amount is not None]
    if not known:
        return UNKNOWN
    return money(total(*known)) + ("*" if len(known) < len(listed) else "")


def signed(text: str) -> Text:
    """An amount in the colour of gain or loss."""
    flat = not text.strip("-–0.,*%")
    return Text(text, style="" if flat else "red" if text.startswith("-") else "green")
