"""Requests to Tradier's API, and the two habits of its answers: one thing is an object, and nothing is a text.

Source: https://docs.tradier.com/docs/positions and the clients uvatradier and Lean.Brokerages.Tradier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from variance_bridge import BrokerContext, Environment
from variance_bridge.addresses import base_address
from variance_bridge.api_client import ApiClient, FixedSecret
from variance_bridge.rows import list_of
from variance_bridge_tradier.settings import SANDBOX, TradierSettings

PRODUCTION_URL = "https://api.tradier.com"
SANDBOX_URL = "https://sandbox.tradier.com"
MAX_SYMBOLS = 100
"""Symbols in a request for quotes: the address stays short enough for every proxy."""

_HINT = "production and sandbox have tokens of their own: check the setting `environment`, or create a new token"
_NOTHING = (None, "null", "")


class Api(ApiClient):
    """GET with the token, and JSON back. Without `Accept` Tradier answers in XML."""

    def __init__(self, context: BrokerContext) -> None:
        settings: TradierSettings = context.settings
        usual = SANDBOX_URL if settings.environment == SANDBOX else PRODUCTION_URL
        address = base_address(settings.base_url, usual, setting="`base_url` of tradier")
        self.environment = _environment(settings)
        token = FixedSecret(context, bearer="TRADIER_ACCESS_TOKEN")
        super().__init__(context, address, token, hint=_HINT)

    def quotes(self, symbols: Sequence[str]) -> Iterator[Any]:
        """The answers about the quotes of these symbols, with greeks."""
        for start in range(0, len(symbols), MAX_SYMBOLS):
            chunk = ",".join(symbols[start : start + MAX_SYMBOLS])
            yield self.get("/v1/markets/quotes", [("symbols", chunk), ("greeks", "true")])


def quotes_of(answer: Any) -> dict[str, Mapping[str, Any]]:
    """The quotes of an answer by symbol. Symbols that Tradier does not know are missing.

    Raises:
        DataRefused: the answer does not have the form of quotes.
    """
    held = answer.get("quotes") if isinstance(answer, Mapping) else None
    if isinstance(held, Mapping) and "quote" not in held and "unmatched_symbols" in held:
        return {}
    quotes = many(answer, "quotes", "quote")
    return {
        each["symbol"]: each
        for each in quotes
        if isinstance(each, Mapping) and isinstance(each.get("symbol"), str)
    }


def many(answer: Any, outer: str, inner: str) -> Sequence[Any]:
    """The things in `answer[outer][inner]`: a list, one object, or nothing (`"null"` or null in place of either).

    Raises:
        DataRefused: the answer does not have that form. It is never taken for an empty one.
    """
    held = answer.get(outer, ...) if isinstance(answer, Mapping) else ...
    if held in _NOTHING:
        return ()
    things = held.get(inner) if isinstance(held, Mapping) else None
    if isinstance(things, Mapping) and things:
        return (things,)
    return list_of(answer, outer, inner)


def _environment(settings: TradierSettings) -> Environment:
    if settings.base_url is not None:
        return Environment.SIMULATOR
    return Environment.SANDBOX if settings.environment == SANDBOX else Environment.PRODUCTION
