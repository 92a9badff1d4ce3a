"""The demo's portfolio with the short ways in that tests take."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from variance_bridge_tastytrade.demo_server.portfolio import (
    DemoPortfolio,
    SimulatedAccount,
    SimulatedMetrics,
    SimulatedPosition,
    SimulatedQuote,
    own_quote,
)


@dataclass(frozen=True)
class SimulatedPortfolio(DemoPortfolio):
    """Any portfolio: from a list of positions, from a file, or the demo's."""

    @classmethod
    def of(
        cls,
        positions: Iterable[Mapping[str, Any] | SimulatedPosition],
        *,
        quotes: Iterable[Mapping[str, Any] | SimulatedQuote] = (),
        betas: Mapping[str, str | Decimal] | None = None,
        **account: Any,
    ) -> Self:
        """One account from a list of positions: the short way for generated tests.

        A dict of a position may have a `quote`, a dict without `symbol` and `instrument_type`; its mark becomes the
        position's unless that has its own. Further keywords are those of `SimulatedAccount`.
        """
        listed = list(positions)
        own = [own_quote(row) for row in listed if isinstance(row, Mapping) and "quote" in row]
        known = [
            q if isinstance(q, SimulatedQuote) else SimulatedQuote.from_data(q) for q in quotes
        ]
        return cls(
            accounts=(SimulatedAccount.from_data({"positions": listed, **account}),),
            quotes={quote.symbol: quote for quote in [*own, *known]},
            metrics={symbol: SimulatedMetrics(Decimal(b)) for symbol, b in (betas or {}).items()},
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """A portfolio from a TOML or JSON file in the form of `from_data`."""
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".toml":
            return cls.from_data(tomllib.loads(text, parse_float=Decimal))
        return cls.from_data(json.loads(text, parse_float=Decimal))

    @property
    def first_open_account(self) -> SimulatedAccount:
        """The account that a client picks when there is nothing to choose."""
        return next(account for account in self.accounts if not account.is_closed)

    def with_positions(self, positions: Iterable[SimulatedPosition]) -> Self:
        """The same portfolio with other positions in its first open account."""
        chosen = self.first_open_account
        changed = replace(chosen, positions=tuple(positions))
        return replace(
            self,
            accounts=tuple(changed if account is chosen else account for account in self.accounts),
        )
