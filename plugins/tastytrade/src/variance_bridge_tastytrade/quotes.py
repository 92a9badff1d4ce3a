"""The quote source `tastytrade`: quotes and greeks from `/market-data/by-type`, betas and IV rank from `/market-metrics`.

Market data is separate from positions: without it prices are missing, never positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from variance_bridge.broker import BrokerContext, MarketSnapshot
from variance_bridge.errors import BridgeError, BrokerRefused, BrokerUnreachable, DataRefused
from variance_bridge.model import Portfolio
from variance_bridge_tastytrade.client.api import api_of
from variance_bridge_tastytrade.client.items_and_pages import items_of
from variance_bridge_tastytrade.normalize.market_data import (
    BENCHMARK,
    Metrics,
    assembled,
    read_items,
    read_metrics,
    wanted,
)
from variance_bridge_tastytrade.normalize.positions import SOURCE

MAX_SYMBOLS = 100
"""Symbols in a request, of all types together."""

_BENCHMARK = ("equity", BENCHMARK)
_TOLERATED = (BrokerRefused, BrokerUnreachable, DataRefused)


class TastytradeQuotes:
    """Market data of the portfolio's instruments and of their underlyings."""

    def __init__(self, context: BrokerContext) -> None:
        self._context = context

    def fetch(self, portfolio: Portfolio) -> MarketSnapshot:
        """Quotes, greeks and betas, beta-weighted to SPY.

        The sandbox has no market data and is not asked. After a failure the user is warned, and what was fetched before is used.
        """
        if api_of(self._context).endpoint.is_sandbox:
            return MarketSnapshot(instruments={}, available=False)
        as_spelled = portfolio.meta.source == SOURCE
        holdings = [
            (holding, wanted(holding, as_spelled=as_spelled)) for holding in portfolio.positions
        ]
        asked = [pair for _, wants in holdings for pair in (wants.own, wants.underlying) if pair]
        if not asked:
            return MarketSnapshot(instruments={})
        entries, failure = self._market_data(dict.fromkeys([*asked, _BENCHMARK]))
        if failure is not None:
            self._context.warn(f"market data is incomplete: {failure}")
        items = read_items(entries)
        if not items:
            return MarketSnapshot(instruments={}, available=failure is None)
        metrics = self._metrics({wants.beta for _, wants in holdings if wants.beta})
        benchmark = items.get(BENCHMARK)
        return MarketSnapshot(
            instruments=assembled(holdings, items, metrics),
            benchmark_symbol=BENCHMARK,
            benchmark_price=benchmark.price if benchmark else None,
            benchmark_as_of=benchmark.as_of if benchmark else None,
            currency="USD",
        )

    def _market_data(
        self, asked: Iterable[tuple[str, str]]
    ) -> tuple[list[Any], BridgeError | None]:
        """The items for these parameters and symbols, and the failure that ended it early."""
        entries: list[Any] = []
        for params in _chunks(list(asked)):
            try:
                entries += self._items("market-data", ("market-data", "by-type"), params)
            except _TOLERATED as error:
                return entries, error
        return entries, None

    def _metrics(self, symbols: Iterable[str]) -> Mapping[str, Metrics]:
        """Metrics of shares and indices, and, in requests of their own, of futures products.

        Whether metrics cover futures is not documented; a refusal must not lose the others.
        """
        ordered = sorted(symbols)
        futures = [symbol for symbol in ordered if symbol.startswith("/")]
        shares = [symbol for symbol in ordered if not symbol.startswith("/")]
        found: dict[str, Metrics] = {}
        failure = None
        for group in (shares, futures):
            for chunk in _chunks(group):
                params = (("symbols", ",".join(chunk)),)
                try:
                    found |= read_metrics(
                        self._items("market-metrics", ("market-metrics",), params)
                    )
                except _TOLERATED as error:
                    failure = error
                    break
        if failure is not None:
            self._context.warn(f"IV rank and betas are incomplete: {failure}")
        return found

    def _items(
        self, what: str, segments: Sequence[str], params: Sequence[tuple[str, str]]
    ) -> Sequence[Any]:
        return items_of(api_of(self._context).get(what, segments, params), what)


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), MAX_SYMBOLS):
        yield values[start : start + MAX_SYMBOLS]
