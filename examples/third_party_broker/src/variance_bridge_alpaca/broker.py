"""Two requests: the account with its balances, and its positions."""

from __future__ import annotations

from collections.abc import Sequence

from variance_bridge import (
    Account,
    BrokerContext,
    Caution,
    DataRefused,
    Environment,
    Portfolio,
    RawPortfolio,
)
from variance_bridge.api_client import ApiClient, FixedSecret
from variance_bridge.rows import Members, collect, object_of
from variance_bridge_alpaca.positions import read_row
from variance_bridge_alpaca.settings import AlpacaSettings

LIVE = "https://api.alpaca.markets"
PAPER = "https://paper-api.alpaca.markets"
CURRENCY = "USD"
HINT = "live and paper have keys of their own: check the setting `paper`, or create new keys"


class AlpacaBroker:
    """The account that the keys belong to: there is one."""

    def __init__(self, context: BrokerContext) -> None:
        settings: AlpacaSettings = context.settings
        self._context = context
        keys = {"APCA-API-KEY-ID": "APCA_API_KEY_ID", "APCA-API-SECRET-KEY": "APCA_API_SECRET_KEY"}
        self._api = ApiClient(
            context,
            PAPER if settings.paper else LIVE,
            FixedSecret(context, headers=keys),
            hint=HINT,
        )
        self._environment = Environment.SANDBOX if settings.paper else Environment.PRODUCTION

    def accounts(self) -> Sequence[Account]:
        """The one account.

        Raises:
            DataRefused: the answer has no account number.
        """
        number = Members(object_of(self._api.get("/v2/account"))).word("account_number")
        if number is None:
            raise DataRefused("the answer has no account number", hint="run the sync again later")
        return [Account(number=number)]

    def fetch(self, account: Account) -> RawPortfolio:
        """Positions and account as they came; the time is read before the first of them."""
        fetched_at = self._context.clock.now()
        payloads = {
            "positions": self._api.get("/v2/positions"),
            "account": self._api.get("/v2/account"),
        }
        return RawPortfolio(
            account=account,
            payloads=payloads,
            fetched_at=fetched_at,
            environment=self._environment,
        )

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        """The answers in the lingua franca. Pure."""
        account = Members(object_of(raw.payloads["account"]))
        balances = account.balances(
            CURRENCY,
            net_liquidating_value="equity",
            cash="cash",
            buying_power="buying_power",
            maintenance_requirement="maintenance_margin",
        )
        if account.word("currency") != CURRENCY:
            account.caution(Caution.BALANCES_MISSING)
            balances = None
        return collect(raw.payloads["positions"], read_row).portfolio(
            raw,
            source="alpaca",
            currency=CURRENCY,
            balances=balances,
            cautions=account.cautions,
        )
