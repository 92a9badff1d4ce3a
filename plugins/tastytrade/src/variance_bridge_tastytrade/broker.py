"""tastytrade: accounts, positions and balances, read over a single connection."""

from __future__ import annotations

from collections.abc import Sequence

from variance_bridge import PersonalKind
from variance_bridge.broker import Account, BrokerContext, RawPortfolio
from variance_bridge.model import Portfolio
from variance_bridge_tastytrade.client.api import api_of

_WITH_MARKS = (("include-marks", "true"),)


class TastytradeBroker:
    """The broker `tastytrade`: four round trips for one account (token, accounts, positions, balances)."""

    def __init__(self, context: BrokerContext) -> None:
        self._context = context

    def accounts(self) -> Sequence[Account]:
        """The open accounts, in the broker's order."""
        answer = api_of(self._context).get("accounts", ("customers", "me", "accounts"))
        # Imported here, and so below: a request need not wait for what reads its answer.
        from variance_bridge_tastytrade.normalize.accounts import read_accounts

        listed = read_accounts(answer)
        for value in listed.personal:
            self._context.personal.add(value, PersonalKind.ACCOUNT_NUMBER)
        if listed.unreadable:
            self._context.warn(
                f"tastytrade lists {listed.unreadable} account(s) without a usable number: skipped"
            )
        return listed.open

    def fetch(self, account: Account) -> RawPortfolio:
        """Positions and balances of one account, one right after the other, so that they can be compared.

        The positions come with the broker's own marks. That needs no further request, and gives values, profits and a
        check against the balances even without quotes.
        """
        from variance_bridge_tastytrade.client.items_and_pages import all_items

        api = api_of(self._context)
        fetched_at = self._context.clock.now()
        payloads = {
            "positions": all_items(
                lambda page: api.get(
                    "positions", ("accounts", account.number, "positions"), (*_WITH_MARKS, *page)
                ),
                "positions",
            ),
            "balances": api.get("balances", ("accounts", account.number, "balances")),
        }
        return RawPortfolio(
            account=account,
            payloads=payloads,
            fetched_at=fetched_at,
            environment=api.endpoint.environment,
        )

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        """The portfolio that the payloads describe. Pure."""
        from variance_bridge_tastytrade.normalize.portfolio import normalize

        return normalize(raw)
