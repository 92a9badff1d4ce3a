"""Accounts, positions and balances of Tradier, and the sizes of option contracts, which only its quotes tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from variance_bridge import (
    Account,
    BrokerContext,
    DataRefused,
    PersonalKind,
    Portfolio,
    RawPortfolio,
)
from variance_bridge.formatting import plural
from variance_bridge.model import Balances
from variance_bridge.rows import Members, collect, list_of, object_of
from variance_bridge_tradier.api import Api, many
from variance_bridge_tradier.positions import contract_sizes, option_symbols, read_row

SOURCE = "tradier"
CURRENCY = "USD"
"""Tradier keeps accounts in US dollars only; no answer names a currency."""

QUOTES = "tradier quotes"
"""Where the run keeps the quotes that were asked for contract sizes, for the quote source."""

_BUYING_POWER = {"margin": "option_buying_power", "pdt": "option_buying_power", "cash": "cash_available"}  # fmt: skip


class TradierBroker:
    """All accounts of the user that the token belongs to."""

    def __init__(self, context: BrokerContext) -> None:
        self._context = context
        self._api = Api(context)

    def accounts(self) -> Sequence[Account]:
        """The open accounts.

        Raises:
            DataRefused: the profile lists none that can be read.
        """
        profile = self._api.get("/v1/user/profile")
        owner = Members(object_of(profile, "profile"))
        for name in ("name", "id"):
            self._context.personal.add(owner.word(name) or "", PersonalKind.NAME)
        entries = [Members(entry) for entry in many(profile, "profile", "account")]
        found = [_account(entry) for entry in entries if entry.word("status") != "closed"]
        accounts = [account for account in found if account is not None]
        if unreadable := len(found) - len(accounts):
            self._context.warn(
                f"{plural(unreadable, 'account')} of the profile cannot be read and is left out"
            )
        if entries and not accounts:
            raise DataRefused(
                "none of the accounts in the profile is open and readable",
                hint="check at dash.tradier.com that an account is open, and that the token belongs to it",
            )
        return accounts

    def fetch(self, account: Account) -> RawPortfolio:
        """Positions, balances and quotes as they came; the time is read before the first of them."""
        fetched_at = self._context.clock.now()
        path = f"/v1/accounts/{account.number}"
        positions = self._api.get(f"{path}/positions")
        payloads = {
            "positions": positions,
            "balances": self._api.get(f"{path}/balances"),
            "quotes": self._quotes(option_symbols(many(positions, "positions", "position"))),
        }
        return RawPortfolio(
            account=account,
            payloads=payloads,
            fetched_at=fetched_at,
            environment=self._api.environment,
        )

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        """The answers in the lingua franca. Pure."""
        rows = many(raw.payloads["positions"], "positions", "position")
        answers = list_of(raw.payloads["quotes"])
        if option_symbols(rows) and not answers:
            raise DataRefused(
                "the quotes, which tell the sizes of contracts, are missing",
                hint="run the sync again in a few minutes",
            )
        sizes = contract_sizes(answers)
        found = collect(rows, lambda row: read_row(row, sizes))
        sheet = Members(object_of(raw.payloads["balances"], "balances"))
        if raw.payloads["positions"]["positions"] is None and sheet.number("market_value") != 0:
            raise DataRefused(
                "the list of positions is null, and the balances do not say that nothing is held",
                hint="run the sync again later",
            )
        balances = _balances(sheet)
        return found.portfolio(
            raw, source=SOURCE, currency=CURRENCY, balances=balances, cautions=sheet.cautions
        )

    def _quotes(self, symbols: Sequence[str]) -> list[Any]:
        """What the quotes say of the options: no other answer tells the sizes of contracts."""
        answers = list(self._api.quotes(symbols))
        self._context.shared.setdefault(QUOTES, []).extend(answers)
        return answers


def _account(entry: Members) -> Account | None:
    number = entry.word("account_number")
    # The number becomes part of a path: one that is not a plain word is not an account of Tradier's.
    if number is None or not number.isalnum() or not number.isascii():
        return None
    return Account(number=number, kind=entry.word("type"), currency=CURRENCY)


def _balances(sheet: Members) -> Balances | None:
    kind = (sheet.word("account_type") or "").casefold()
    buying_power = _BUYING_POWER.get(kind)
    balances = sheet.balances(
        CURRENCY,
        net_liquidating_value="total_equity",
        cash="total_cash",
        maintenance_requirement="current_requirement",
    )
    if balances is None or buying_power is None:
        return balances
    inner = Members(sheet.get(kind)).number(buying_power)
    return balances if inner is None else structs.replace(balances, buying_power=inner)
