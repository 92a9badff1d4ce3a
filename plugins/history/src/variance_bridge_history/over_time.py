"""Documents over time: all accounts together, and few enough of many for a screen. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from variance_bridge.money import total
from variance_bridge.trading_hours import EXCHANGE_TIME, exchange_date
from variance_bridge_history.database import Entry

MAX_SHOWN = 40
"""Documents of an account that a terminal lists; a file or a pipe gets all."""


class Thinned(Struct, frozen=True):
    """The documents that are shown.

    Attributes:
        by: `hour` or `day`: of each the last document is shown; "" where all are.
    """

    entries: Sequence[Entry]
    by: str = ""


def thinned(entries: Sequence[Entry]) -> Thinned:
    """All documents where they are few; else the last of each hour, or of each day; at most `MAX_SHOWN`, the newest.

    Args:
        entries: of one account, oldest first.
    """
    if len(entries) <= MAX_SHOWN:
        return Thinned(entries)
    hourly = _last_of_each(
        entries, lambda moment: moment.astimezone(EXCHANGE_TIME).strftime("%F %H")
    )
    if len(hourly) <= MAX_SHOWN:
        return Thinned(hourly, "hour")
    return Thinned(_last_of_each(entries, exchange_date)[-MAX_SHOWN:], "day")


def _last_of_each(entries: Sequence[Entry], period: Callable[[datetime], object]) -> list[Entry]:
    return list({period(each.fetched_at): each for each in entries}.values())


def all_accounts(entries: Sequence[Entry]) -> list[Entry]:
    """What all accounts were worth together: the sum of the last document of each, at the end of each day on which one was kept.

    Begins when every account has a document. An amount that one account does not state is None: there is no partial sum.
    Empty where there is only one account, or the accounts are in several currencies.

    Args:
        entries: of the accounts, oldest first.
    """
    accounts = {each.account_hash for each in entries}
    if len(accounts) < 2 or len({each.currency for each in entries}) > 1:
        return []
    last: dict[str, Entry] = {}
    days = {}
    for entry in entries:
        last[entry.account_hash] = entry
        if len(last) == len(accounts):
            days[exchange_date(entry.fetched_at)] = _together(list(last.values()), entry.fetched_at)
    return list(days.values())


def _together(states: Sequence[Entry], moment: datetime) -> Entry:
    first = states[0]
    return Entry(
        sha256="",
        account_hash="",
        source=first.source,
        fetched_at=moment,
        status=first.status,
        positions=sum(each.positions for each in states),
        currency=first.currency,
        unrealized_pl=_sum([each.unrealized_pl for each in states]),
        net_liquidating_value=_sum([each.net_liquidating_value for each in states]),
    )


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [each for each in amounts if each is not None]
    return total(*known) if len(known) == len(amounts) else None
