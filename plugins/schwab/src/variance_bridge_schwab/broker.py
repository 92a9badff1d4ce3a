"""Accounts, positions and balances of Charles Schwab: three requests for one account, and one more for each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from variance_bridge import (
    Account,
    BrokerContext,
    DataRefused,
    PersonalKind,
    Portfolio,
    RawPortfolio,
)
from variance_bridge.formatting import plural
from variance_bridge.rows import Members, collect, list_of, object_of
from variance_bridge_schwab.api import Api
from variance_bridge_schwab.balances import check_nothing_is_held, read_balances
from variance_bridge_schwab.positions import SOURCE, is_of_unknown_type, is_sweep, read_row

CURRENCY = "USD"
"""Schwab's API is for accounts in US dollars; no answer names a currency."""

_AGAIN = "run the sync again; if it happens again, the API has changed: report it"
_NUMBERS = "/trader/v1/accounts/accountNumbers"
_ACCOUNT = "/trader/v1/accounts/"

_RESTRICTED = "Schwab lets this account only close positions"

# Schwab's hash is 64 characters of hexadecimal. Nothing else gets into a path.
_HASH = re.compile(r"[0-9A-Za-z]{1,128}")


class SchwabBroker:
    """All accounts that the user linked to the app at the log-in."""

    def __init__(self, context: BrokerContext) -> None:
        self._context = context
        self._api = Api(context)

    def accounts(self) -> Sequence[Account]:
        """The linked accounts.

        Raises:
            DataRefused: none of them can be read.
        """
        entries = list_of(self._api.get(_NUMBERS))
        found = [self._account(Members(entry)) for entry in entries]
        accounts = {one.number: one for one in found if one is not None}
        if unreadable := found.count(None):
            self._context.warn(
                f"{plural(unreadable, 'account')} in Schwab's list cannot be read and is left out"
            )
        if entries and not accounts:
            raise DataRefused("none of the accounts in Schwab's list can be read", hint=_AGAIN)
        return list(accounts.values())

    def fetch(self, account: Account) -> RawPortfolio:
        """The account as it came, with its positions; the time is read before the request."""
        fetched_at = self._context.clock.now()
        answer = self._api.get(_ACCOUNT + account.details["hash"], [("fields", "positions")])
        number = Members(object_of(answer, "securitiesAccount")).word("accountNumber")
        if number not in (None, account.number):
            raise DataRefused("Schwab answered for another account", hint=_AGAIN)
        return RawPortfolio(
            account=account,
            payloads={"account": answer},
            fetched_at=fetched_at,
            environment=self._api.environment,
        )

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        """The answer in the lingua franca. Pure."""
        account = object_of(raw.payloads["account"], "securitiesAccount")
        sheet = Members(account.get("currentBalances"))
        rows: Sequence[Any] = ()
        # Without positions Schwab leaves the list out, or writes null (ibouazizi/schwab-trader#16, #19).
        if account.get("positions") is None:
            check_nothing_is_held(sheet)
        else:
            rows = list_of(account, "positions")
        found = collect(rows, read_row)
        sweeps = collect([row for row in rows if is_sweep(Members(row))], read_row)
        is_doubtful = any(is_of_unknown_type(Members(row)) for row in rows)
        reading = read_balances(sheet, found, sweeps, CURRENCY, is_doubtful=is_doubtful)
        if reading.counts_sweeps:
            found = collect(rows, partial(read_row, counts_sweeps=True))
        return found.portfolio(
            raw,
            source=SOURCE,
            currency=CURRENCY,
            balances=reading.balances,
            cautions=sheet.cautions,
            warnings=[_RESTRICTED] if account.get("isClosingOnlyRestricted") is True else [],
        )

    def _account(self, entry: Members) -> Account | None:
        number, hashed = entry.word("accountNumber"), entry.word("hashValue")
        for value in (number, hashed):
            self._context.personal.add(value or "", PersonalKind.ACCOUNT_NUMBER)
        if number is None or hashed is None or not _HASH.fullmatch(hashed):
            return None
        return Account(number=number, currency=CURRENCY, details={"hash": hashed})
