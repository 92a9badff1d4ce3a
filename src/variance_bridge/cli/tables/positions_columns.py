"""The columns of the positions table: what each shows of a holding, and which of them add up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import Struct
from rich.text import Text

from variance_bridge.formatting import UNKNOWN, money, number, price, printable, quantity, strike
from variance_bridge.model import Greeks, Holding, Side
from variance_bridge.money import product, quotient, total
from variance_bridge.prices import mark_of
from variance_bridge.symbology import InstrumentType
from variance_bridge.terminal import GREEN, RED
from variance_bridge.trading_hours import days_to_expiration

_SIDE_STYLE = {Side.LONG: GREEN.style, Side.SHORT: RED.style}

TOGETHER = "\N{NO-BREAK SPACE}"
"""Stands in a name where a narrow column must not break it; a blank on the screen."""

SIDE, QUANTITY, UNDERLYING, MARK = "Side", "Qty", "Underlying", "Mark"

DERIVED = "~"
"""Before a mark that the document does not state."""


def worth_text(amount: Decimal | None, currency: str | None) -> Text:
    """An amount of money that is neither gain nor loss."""
    return Text(money(amount, currency))


def gain(amount: Decimal | None, currency: str | None) -> Text:
    """An amount of money with its sign, in the colour of gain or loss."""
    return Text(money(amount, currency, sign=True), style=_gain_style(amount))


def _delta(amount: Decimal | None, _currency: str | None) -> Text:
    return Text(number(amount, 2, sign=True))


def _theta(amount: Decimal | None, currency: str | None) -> Text:
    return Text(money(amount, currency, sign=True))


def _gain_style(amount: Decimal | None) -> str:
    return "" if not amount else RED.style if amount < 0 else GREEN.style


Amount = Callable[[Holding], Decimal | None]


class Column(Struct, frozen=True, kw_only=True):
    """One column.

    Attributes:
        rank: where it is narrow, the columns of the highest rank go first; those of rank 0 never.
        cell: what it shows of a holding.
        adds_up: the amount that is summed below it; None for a column without sums.
        over: the sums are of one underlying, or of the whole account too.
        shows: an amount in a currency (None where it is not known, or of no matter).
    """

    name: str
    rank: int
    cell: Callable[[Holding], Text]
    adds_up: Amount | None = None
    over: Literal["underlying", "account"] = "account"
    shows: Callable[[Decimal | None, str | None], Text] = worth_text
    justify: Literal["left", "right"] = "right"


def columns(holdings: Sequence[Holding], now: datetime, currency: str | None) -> tuple[Column, ...]:
    """The columns of a table of these holdings, in their order; those in which nothing is known are left out.

    Args:
        holdings: the rows.
        now: from which days to expiration are counted.
        currency: of the sums; amounts in another one name theirs.
    """

    def summed(
        name: str,
        rank: int,
        amount: Amount,
        shows: Callable[[Decimal | None, str | None], Text] = gain,
        over: Literal["underlying", "account"] = "account",
    ) -> Column:
        return Column(
            name=name, rank=rank, adds_up=amount, over=over, shows=shows,
            cell=lambda holding: shows(amount(holding), unit_of(holding, currency)),
        )  # fmt: skip

    found = (
        Column(name=SIDE, rank=2, cell=_side, justify="left"),
        Column(name=QUANTITY, rank=0, cell=lambda holding: Text(quantity(holding.quantity))),
        Column(name="Days", rank=3, cell=lambda holding: _days(holding, now)),
        Column(name=UNDERLYING, rank=7, cell=_underlying),
        Column(name="Avg", rank=5, cell=lambda holding: Text(price(holding.average_price))),
        Column(name=MARK, rank=4, cell=_mark),
        Column(
            name="Value",
            rank=1,
            adds_up=worth,
            cell=lambda each: worth_text(each.market_value, unit_of(each, currency)),
        ),
        Column(
            name="P/L",
            rank=0,
            adds_up=lambda holding: holding.profit,
            shows=gain,
            cell=lambda each: (
                Text("") if each.is_like_cash else gain(each.unrealized_pl, unit_of(each, currency))
            ),
        ),
        Column(name="P/L %", rank=6, cell=_profit_share),
        summed("Day", 8, lambda holding: holding.day_pl),
        summed("Delta", 11, lambda holding: _greeks(holding).delta, _delta, "underlying"),
        summed("β-Delta", 9, lambda holding: _greeks(holding).beta_delta, _delta),
        summed("Theta", 10, lambda holding: _greeks(holding).theta, _theta),
    )
    return tuple(
        column
        for column in found
        if column.name == SIDE
        or not column.rank
        or any(column.cell(holding).plain not in {"", UNKNOWN} for holding in holdings)
    )


def unit_of(holding: Holding, currency: str | None) -> str | None:
    """The currency that stands with an amount: none with those of the sums, as in any book of accounts."""
    return None if holding.currency == currency else holding.currency


def signed_quantity(holding: Holding) -> Text:
    """`-2` for what is short: where the side has no column of its own."""
    sign = "-" if holding.side is Side.SHORT else ""
    return Text(f"{sign}{quantity(holding.quantity)}", style=_SIDE_STYLE[holding.side])


def worth(holding: Holding) -> Decimal | None:
    """What a holding adds to the account's worth. A future's value is its notional, which nobody owns."""
    return None if holding.type is InstrumentType.FUTURE else holding.market_value


def _greeks(holding: Holding) -> Greeks:
    return holding.greeks or Greeks()


def _side(holding: Holding) -> Text:
    return Text(holding.side.value, style=_SIDE_STYLE[holding.side])


def _days(holding: Holding, now: datetime) -> Text:
    if holding.expiration is None:
        return Text("")
    days = days_to_expiration(holding.expiration, now)
    return Text(str(days), style=RED.bold if days <= 0 else "")


def _underlying(holding: Holding) -> Text:
    """The price of what an option is on; nothing for shares, whose price is their mark, and for what is on nothing."""
    known = holding.quote.underlying_price if holding.quote else None
    is_on_nothing = holding.strike is None and known is None
    if is_on_nothing or holding.type is InstrumentType.STOCK:
        return Text("")
    return Text(price(known))


def _mark(holding: Holding) -> Text:
    found = mark_of(holding)
    return Text(f"{DERIVED if found.derived else ''}{price(found.price)}")


def _profit_share(holding: Holding) -> Text:
    profit, basis = holding.unrealized_pl, holding.cost_basis
    if profit is None or not basis:
        return Text(UNKNOWN)
    share = quotient(product(profit, Decimal(100)), basis.copy_abs())
    return Text(f"{number(share, 1, sign=True)}%", style=_gain_style(share))


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


def sum_text(
    amounts: Iterable[Decimal | None],
    currency: str | None,
    shows: Callable[[Decimal | None, str | None], Text],
) -> Text:
    """The total of what is known, marked with `*` where something is not; no total of nothing known."""
    listed = list(amounts)
    known = [amount for amount in listed if amount is not None]
    if not known:
        return Text(UNKNOWN)
    return shows(total(*known), currency).append("*" if len(known) < len(listed) else "")
