"""Two requests: the account with its balances, and its positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from variance_bridge.broker import Account, BrokerContext, RawPortfolio, Response
from variance_bridge.errors import BrokerRefused, DataRefused
from variance_bridge.model import Environment, Portfolio
from variance_bridge_alpaca.fields import word
from variance_bridge_alpaca.portfolio import read_portfolio
from variance_bridge_alpaca.settings import AlpacaSettings

LIVE = "https://api.alpaca.markets"
PAPER = "https://paper-api.alpaca.markets"


class AlpacaBroker:
    """The account that the keys belong to: there is one."""

    def __init__(self, context: BrokerContext) -> None:
        settings: AlpacaSettings = context.settings
        self._context = context
        self._base = PAPER if settings.paper else LIVE
        self._environment = Environment.SANDBOX if settings.paper else Environment.PRODUCTION

    def accounts(self) -> Sequence[Account]:
        """The one account.

        Raises:
            DataRefused: the answer has no account number.
        """
        answer = self._get("/v2/account")
        account_number = word(answer.get("account_number")) if isinstance(answer, Mapping) else None
        if account_number is None:
            raise DataRefused("the answer has no account number", hint="run the sync again later")
        return [Account(number=account_number)]

    def fetch(self, account: Account) -> RawPortfolio:
        """Positions and account as they came; the time is read before the first of them."""
        fetched_at = self._context.clock.now()
        payloads = {"positions": self._get("/v2/positions"), "account": self._get("/v2/account")}
        return RawPortfolio(
            account=account,
            payloads=payloads,
            fetched_at=fetched_at,
            environment=self._environment,
        )

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        """The answers in the lingua franca. Pure."""
        return read_portfolio(raw)

    def _get(self, path: str) -> Any:
        credentials = self._context.credentials
        headers = {
            "APCA-API-KEY-ID": credentials["APCA_API_KEY_ID"],
            "APCA-API-SECRET-KEY": credentials["APCA_API_SECRET_KEY"],
        }
        return _answer(self._context.session.get(self._base + path, headers=headers))


def _answer(response: Response) -> Any:
    if response.status in (401, 403):
        raise BrokerRefused(
            f"the keys are not accepted (status {response.status})",
            hint="live and paper have keys of their own: check the setting `paper`, or create new keys",
        )
    if response.status != 200:
        raise DataRefused(
            f"an answer that is not understood (status {response.status})",
            hint="run the sync again; if it stays so, the API has changed: report it",
        )
    return response.json()
