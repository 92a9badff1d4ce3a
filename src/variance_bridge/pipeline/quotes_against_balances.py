"""Whether positions and balances still agree when quotes have replaced the broker's marks. Pure.

The broker states what the account is worth, at its own marks. A source of quotes that is wrong about a contract, its
multiplier or its currency makes the positions worth something else.
"""

from __future__ import annotations

from decimal import Decimal

from variance_bridge.formatting import money
from variance_bridge.model import Portfolio
from variance_bridge.money import difference, product, total
from variance_bridge.symbology import InstrumentType

_OPTIONS = frozenset({InstrumentType.OPTION, InstrumentType.FUTURE_OPTION})
# A future's value is settled into cash every day, and cash stands in the balances already.
_BESIDE_THE_WORTH = frozenset({InstrumentType.FUTURE, InstrumentType.CASH})

_SHARE, _SHARE_OF_OPTIONS = Decimal("0.1"), Decimal("0.5")
"""How much of the value markets explain between the broker's marks and quotes that are minutes older or younger: a day's
move of an index, and what that does to options."""
_ROUNDING = Decimal(1)


def contradiction(before: Portfolio, after: Portfolio) -> str | None:
    """Both figures in a sentence where the quotes' marks contradict the balances and the broker's own do not; else None.

    Args:
        before: with the broker's marks. Where these do not give a worth, the quotes' are judged by themselves.
        after: with the quotes'.
    """
    if after.balances is None or _is_true(before) is False or _is_true(after) is not False:
        return None
    found = _worth(after)
    stated, currency = after.balances.net_liquidating_value, after.balances.currency
    return (
        f"at the quoted prices, cash and positions come to {money(found, currency)}, but the balances say "
        f"{money(stated, currency)}; check both before you rely on either"
    )


def _is_true(portfolio: Portfolio) -> bool | None:
    """Whether cash and positions come to what the balances say; None where that cannot be computed."""
    worth = _worth(portfolio)
    if worth is None or portfolio.balances is None:
        return None
    allowed = _ROUNDING
    for held in portfolio.positions:
        share = _SHARE_OF_OPTIONS if held.type in _OPTIONS else _SHARE
        allowed = total(allowed, product(share, abs(held.market_value or Decimal(0))))
    return abs(difference(worth, portfolio.balances.net_liquidating_value)) <= allowed


def _worth(portfolio: Portfolio) -> Decimal | None:
    balances, values = portfolio.balances, []
    if balances is None:
        return None
    for held in portfolio.positions:
        is_ours = held.currency in (None, balances.currency)
        if held.market_value is None or not is_ours or held.type in _BESIDE_THE_WORTH:
            return None
        values.append(held.market_value)
    return total(balances.cash, balances.pending_cash or Decimal(0), *values)
