"""Balances from `currentBalances`, which has other members for a margin account than for a cash account. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import Struct, structs

from variance_bridge import Caution, DataRefused, Holding
from variance_bridge.model import Balances
from variance_bridge.money import difference, total
from variance_bridge.rows import Collected, Members

_CENT = Decimal("0.01")

# What is borrowed, and what short sales brought in, stands beside the cash of a margin account.
_BESIDE_CASH = ("marginBalance", "shortBalance")

# Not `mutualFundValue` and `moneyMarketFund`: they repeat the cash that is swept.
_HELD = (
    "longMarketValue",
    "shortMarketValue",
    "longOptionMarketValue",
    "shortOptionMarketValue",
    "bondValue",
)


def check_nothing_is_held(sheet: Members) -> None:
    """Return if the balances say that the account holds nothing but cash.

    Raises:
        DataRefused: they do not, so that a list of positions that is absent is not an empty one.
    """
    worth = sheet.number("liquidationValue")
    held = [sheet.number(name) for name in _HELD]
    is_cash = worth is not None and any(_is_same(worth, cash) for cash in _cash_readings(sheet))
    if any(value not in (None, 0) for value in held) or not is_cash:
        raise DataRefused(
            "the answer has no positions, and the balances do not say that nothing is held",
            hint="run the sync again; if it happens again, the API has changed: report it",
        )


class Reading(Struct, frozen=True):
    """The balances, and whether their cash is counted a second time in the positions: as sweep funds."""

    balances: Balances | None
    counts_sweeps: bool = False


def read_balances(
    sheet: Members,
    found: Collected,
    sweeps: Collected,
    currency: str,
    *,
    is_doubtful: bool,
) -> Reading:
    """The balances; cash that sweep funds hold is taken out of them.

    Which of the readings of the cash is meant, and whether sweep funds are counted in it, shows in the arithmetic: cash and
    positions are the liquidation value. Where a position is unknown, so is the cash, and there are no balances. Where no
    reading fits, it is `cashBalance`, and flagged.

    Args:
        sheet: the member `currentBalances`.
        found: the positions.
        sweeps: those of them that are sweep funds.
        currency: of the account.
        is_doubtful: whether others of them may be sweep funds.
    """
    balances = sheet.balances(
        currency,
        net_liquidating_value="liquidationValue",
        cash="cashBalance",
        buying_power="buyingPower",
        maintenance_requirement="maintenanceRequirement",
    )
    if balances is None:
        return Reading(None)
    readings = [(cash, False) for cash in _cash_readings(sheet)]
    if swept := _sum(sweeps.positions):
        readings += [(difference(cash, swept), True) for cash, _ in readings]
    is_in_question = sweeps.positions or sweeps.rejected or is_doubtful or len(readings) > 1
    if not is_in_question:
        return Reading(balances)
    worth = None if found.rejected else _sum(found.positions)
    fitting = None
    if worth is not None:
        fitting = _fitting(readings, difference(balances.net_liquidating_value, worth))
    if fitting is not None:
        return Reading(structs.replace(balances, cash=fitting[0]), counts_sweeps=fitting[1])
    if worth is None or is_doubtful:
        sheet.caution(Caution.BALANCES_MISSING)
        return Reading(None)
    sheet.caution(Caution.BALANCES_DISAGREE)
    return Reading(balances)


def _fitting(
    readings: Sequence[tuple[Decimal, bool]], rest: Decimal
) -> tuple[Decimal, bool] | None:
    """The reading whose cash is what is left of the account's worth: off by a tenth at most of what the next one is off by.

    Prices move while Schwab adds up, so that it may be off by more than a cent. One that is alone must fit to the cent.
    """
    offs = sorted((abs(difference(cash, rest)), place) for place, (cash, _) in enumerate(readings))
    (off, best), *others = offs
    is_near = off * 10 <= others[0][0] if others else off <= _CENT
    return readings[best] if is_near else None


def _cash_readings(sheet: Members) -> list[Decimal]:
    """What the cash may be: `cashBalance`, and with what is borrowed and what short sales brought in."""
    cash = sheet.number("cashBalance")
    if cash is None:
        return []
    beside = [sheet.number(name) or Decimal(0) for name in _BESIDE_CASH]
    return list(dict.fromkeys((cash, total(cash, beside[0]), total(cash, *beside))))


def _sum(holdings: Iterable[Holding]) -> Decimal | None:
    """The value of all; None where one of them is unknown."""
    values = [one.market_value for one in holdings]
    known = [value for value in values if value is not None]
    return total(*known) if len(known) == len(values) else None


def _is_same(one: Decimal, other: Decimal) -> bool:
    return abs(difference(one, other)) <= _CENT
