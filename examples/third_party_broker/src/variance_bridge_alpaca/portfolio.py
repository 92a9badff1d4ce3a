"""From the two answers to a portfolio: every row by itself, and counted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from variance_bridge.broker import RawPortfolio
from variance_bridge.errors import DataRefused
from variance_bridge.model import (
    Balances,
    Caution,
    Counts,
    Flag,
    Holding,
    Meta,
    Portfolio,
    RejectedRow,
)
from variance_bridge_alpaca.fields import Members, word
from variance_bridge_alpaca.positions import RowRejectedError, read_row

CURRENCY = "USD"


def read_portfolio(raw: RawPortfolio) -> Portfolio:
    """What the payloads `positions` and `account` mean.

    Raises:
        DataRefused: an answer has not the shape of one; it is never taken for an empty one.
    """
    rows = raw.payloads["positions"]
    if not isinstance(rows, list):
        raise DataRefused("the answer is no list of positions", hint="run the sync again later")
    kept: list[Holding] = []
    rejected: list[RejectedRow] = []
    flags: list[Flag] = []
    for place, row in enumerate(rows, start=1):
        try:
            holding, cautions = read_row(row)
        except RowRejectedError as error:
            rejected.append(RejectedRow(row=place, reason=error.reason))
            continue
        if holding is not None:
            kept.append(holding)
            flags += [Flag(caution=one, row=place, symbol=holding.symbol) for one in cautions]
    closed = len(rows) - len(kept) - len(rejected)
    balances, cautions = _balances(raw.payloads["account"])
    flags += [Flag(caution=one) for one in cautions]
    meta = Meta(
        source="alpaca",
        fetched_at=raw.fetched_at,
        environment=raw.environment,
        currency=CURRENCY,
        counts=Counts(
            fetched=len(rows), normalized=len(kept), closed=closed, rejected=len(rejected)
        ),
        rejected=tuple(rejected),
        flags=tuple(flags),
    )
    return Portfolio(meta=meta, positions=tuple(kept), balances=balances)


def _balances(account: Any) -> tuple[Balances | None, tuple[Caution, ...]]:
    """The balances; None with a caution where equity or cash is missing, or the account is in another currency."""
    if not isinstance(account, Mapping):
        raise DataRefused("the answer is no account", hint="run the sync again later")
    members = Members(account)
    equity, cash = members.number("equity"), members.number("cash")
    if equity is None or cash is None or word(account.get("currency")) != CURRENCY:
        return None, (*members.cautions, Caution.BALANCES_MISSING)
    balances = Balances(
        currency=CURRENCY,
        net_liquidating_value=equity,
        cash=cash,
        buying_power=members.number("buying_power"),
        maintenance_requirement=members.number("maintenance_margin"),
    )
    return balances, tuple(members.cautions)
