"""Accounts, positions and balances from SnapTrade, which keeps copies of what institutions show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import attrs
from msgspec import structs

from variance_bridge import (
    Account,
    BrokerContext,
    DataRefused,
    Environment,
    Holding,
    PersonalKind,
    Portfolio,
    RawPortfolio,
)
from variance_bridge.formatting import format_age, plural
from variance_bridge.model import Timeliness
from variance_bridge.rows import Closed, Members, RowRejected, collect, list_of, object_of
from variance_bridge_snaptrade.accounts import (
    account_id,
    check_holdings,
    last_sync,
    listed,
    personal_values,
)
from variance_bridge_snaptrade.api import AGAIN, RECONNECT, Api
from variance_bridge_snaptrade.balances import account_currency, other_currencies, read_balances
from variance_bridge_snaptrade.positions import SOURCE, is_in_cash, read_row

_OLD = timedelta(hours=48)
"""The daily round is missed once before the user is warned: a broken connection goes on answering its last state."""

_SAME_SYNC = timedelta(minutes=5)
"""Positions that are newer than the daily round by more were read for this request."""


class SnapTradeBroker:
    """All accounts that are connected with the key, or with the user of a Commercial key."""

    def __init__(self, context: BrokerContext) -> None:
        self._context = context
        self._api = Api(context)

    def accounts(self) -> Sequence[Account]:
        """The open accounts, each once.

        Raises:
            DataRefused: none is connected, or none can be read.
        """
        entries = list_of(self._api.get("/accounts"))
        for entry in map(Members, entries):
            for value in personal_values(entry):
                self._context.personal.add(value, PersonalKind.ACCOUNT_NUMBER)
        found = listed(entries)
        if found.unreadable:
            self._context.warn(
                f"left out: {plural(found.unreadable, 'account')} in SnapTrade's list that cannot be read"
            )
        if found.unavailable:
            self._context.warn(
                f"left out: {plural(found.unavailable, 'account')} that SnapTrade can no longer see; {RECONNECT}"
            )
        if not found.accounts:
            raise DataRefused(
                "SnapTrade lists no open account that can be read",
                hint="connect your broker at dashboard.snaptrade.com, then run the command again",
            )
        return found.accounts

    def fetch(self, account: Account) -> RawPortfolio:
        """Positions and balances as they came, with the account's entry. Dated by SnapTrade's own copy."""
        entry: Mapping[str, Any] = account.details["entry"]
        check_holdings(Members(entry))
        began = self._context.clock.now()
        path = f"/accounts/{account.details['id']}"
        positions = self._api.get(f"{path}/positions/all")
        payloads = {
            "account": entry,
            "positions": positions,
            "balances": self._api.get(f"{path}/balances"),
        }
        known = _as_of(positions) or last_sync(Members(entry))
        if known is None:
            raise DataRefused(
                "SnapTrade does not say how old its copy of an account is", hint=AGAIN
            )
        if began - known > _OLD:
            self._context.warn(
                f"SnapTrade's copy of an account is {format_age(began - known)} old: {RECONNECT}"
            )
        return RawPortfolio(
            account=account,
            payloads=payloads,
            # What was read for this request was true after it began; that is when we can vouch for all of it.
            fetched_at=min(known, began),
            environment=self._environment(entry),
        )

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        """The answers in the lingua franca. Pure."""
        entry = Members(object_of(raw.payloads["account"]))
        if account_id(entry) is None:
            raise DataRefused("the account's entry has no identifier", hint=AGAIN)
        check_holdings(entry)
        rows = list_of(raw.payloads["positions"], "results")
        sheets = list_of(raw.payloads["balances"])
        currency = account_currency(entry, sheets)
        # A row that is not an object may be a money market fund, which the cash counts too.
        in_cash: list[Holding | None] = [None for row in rows if not isinstance(row, Mapping)]

        def read(row: Members) -> Holding | Closed:
            counted = is_in_cash(row)
            try:
                held = read_row(row, currency=currency, as_of=raw.fetched_at.date())
            except RowRejected:
                in_cash.extend([] if counted is False else [None])
                raise
            if isinstance(held, Holding) and counted is not False:
                in_cash.append(held if counted else None)
            return held

        found = collect(rows, read)
        balances = read_balances(entry, sheets, currency, in_cash, raw.fetched_at)
        portfolio = found.portfolio(
            raw,
            source=SOURCE,
            currency=currency,
            balances=balances,
            cautions=entry.cautions,
            warnings=other_currencies(sheets, currency),
        )
        timeliness = _timeliness(_as_of(raw.payloads["positions"]), last_sync(entry))
        return attrs.evolve(portfolio, meta=structs.replace(portfolio.meta, timeliness=timeliness))

    def _environment(self, entry: Mapping[str, Any]) -> Environment:
        if self._api.is_simulated:
            return Environment.SIMULATOR
        is_real = entry.get("is_paper") in (None, False)
        return Environment.PRODUCTION if is_real else Environment.SANDBOX


def _as_of(positions: Any) -> datetime | None:
    """When the institution was asked for these positions."""
    return Members(positions).nested("data_freshness").moment("as_of")


def _timeliness(as_of: datetime | None, daily: datetime | None) -> Timeliness:
    """`end_of_day` for what the daily round read, `delayed` for what was read since: prices are not said to be live."""
    if as_of is None or (daily is not None and as_of <= daily + _SAME_SYNC):
        return Timeliness.END_OF_DAY
    return Timeliness.DELAYED
