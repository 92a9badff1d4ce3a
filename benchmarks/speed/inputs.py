"""Invented inputs, the same for the same seed: a tastytrade API's payload, a CSV export, a document, legs of one underlying."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

SEED = 11
ACCOUNT = "5WX00001"
ROOTS = ("SPY", "QQQ", "IWM", "AAPL", "NVDA", "TSLA", "AMD", "MSFT", "GOOGL", "META")


@dataclass(frozen=True)
class Held:
    """An invented position: of ten, nine are options and the tenth is a share."""

    root: str
    expiration: date | None
    right: str
    strike: Decimal
    quantity: int
    side: str
    average: Decimal
    mark: Decimal

    @property
    def symbol(self) -> str:
        """As OSI writes it."""
        if self.expiration is None:
            return self.root
        return f"{self.root:<6}{self.expiration:%y%m%d}{self.right[0]}{int(self.strike * 1000):08d}"

    @property
    def multiplier(self) -> int:
        return 1 if self.expiration is None else 100

    @property
    def sign(self) -> int:
        return 1 if self.side == "Long" else -1

    @property
    def cost(self) -> Decimal:
        return self.average * self.quantity * self.multiplier

    @property
    def value(self) -> Decimal:
        """Without a sign."""
        return self.mark * self.quantity * self.multiplier


def held(count: int, today: date, seed: int = SEED) -> Iterator[Held]:
    """So many positions, each of another contract as long as there are enough."""
    chance = random.Random(seed)
    for place in range(count):
        mark = Decimal(chance.randint(5, 9_000)) / 100
        is_share = place % 10 == 9
        yield Held(
            root=f"Q{_letters(place // 10)}" if is_share else chance.choice(ROOTS),
            expiration=None if is_share else today + timedelta(days=7 * chance.randint(1, 100)),
            right=chance.choice(("CALL", "PUT")),
            strike=Decimal(chance.randint(20, 4_000)) / 2,
            quantity=chance.randint(1, 25),
            side=chance.choice(("Long", "Short")),
            average=Decimal(chance.randint(5, 90_000)) / 1000,
            mark=mark,
        )


def _letters(number: int) -> str:
    text = ""
    for _ in range(4):
        number, letter = divmod(number, 26)
        text = chr(65 + letter) + text
    return text


def rows_of_api(count: int, now: datetime) -> list[dict[str, Any]]:
    """`data.items` of `GET /accounts/{number}/positions?include-marks=true`, member for member."""
    return [_row_of_api(one, now) for one in held(count, now.date())]


def _row_of_api(one: Held, now: datetime) -> dict[str, Any]:
    opened = f"{now - timedelta(days=1 + one.quantity):%Y-%m-%dT%H:%M:%S}.123+00:00"
    row = {
        "account-number": ACCOUNT,
        "instrument-type": "Equity" if one.expiration is None else "Equity Option",
        "streamer-symbol": one.symbol
        if one.expiration is None
        else f".{one.symbol.replace(' ', '')}",
        "symbol": one.symbol,
        "underlying-symbol": one.root,
        "quantity": one.quantity,
        "average-daily-market-close-price": f"{one.mark + Decimal('0.05')}",
        "average-open-price": f"{one.average}",
        "average-yearly-market-close-price": f"{one.average}",
        "close-price": f"{one.mark + Decimal('0.05')}",
        "cost-effect": "Credit" if one.side == "Long" else "Debit",
        "is-frozen": False,
        "is-suppressed": False,
        "mark": f"{one.value}",
        "mark-price": f"{one.mark}",
        "multiplier": one.multiplier,
        "quantity-direction": one.side,
        "restricted-quantity": 0,
        "realized-day-gain": "0.0",
        "realized-day-gain-date": f"{now:%Y-%m-%d}",
        "realized-day-gain-effect": "None",
        "realized-today": "0.0",
        "realized-today-date": f"{now:%Y-%m-%d}",
        "realized-today-effect": "None",
        "created-at": opened,
        "updated-at": opened,
    }
    if one.expiration is not None:
        row["expires-at"] = f"{one.expiration:%Y-%m-%d}T20:00:00.000+00:00"
    return row


def answer(path: str, items: list[dict[str, Any]]) -> bytes:
    """An answer of the API as it is sent."""
    envelope = {"data": {"items": items}, "context": path}
    return json.dumps(envelope, separators=(",", ":")).encode()


def balances_of_api(count: int, now: datetime) -> dict[str, Any]:
    """Balances that agree with `rows_of_api`."""
    values = {"equity": Decimal(0), "derivative": Decimal(0)}
    sums = {
        f"{side}-{name}-value": value
        for name, value in values.items()
        for side in ("long", "short")
    }
    worth = Decimal(100_000)
    for one in held(count, now.date()):
        name = "equity" if one.expiration is None else "derivative"
        sums[f"{one.side.lower()}-{name}-value"] += one.value
        worth += one.sign * one.value
    return {
        "account-number": ACCOUNT,
        "currency": "USD",
        "cash-balance": "100000.0",
        "net-liquidating-value": f"{worth}",
        "pending-cash": "0.0",
        "pending-cash-effect": "None",
        "equity-buying-power": "150000.0",
        "maintenance-requirement": "1000.0",
        "updated-at": f"{now:%Y-%m-%dT%H:%M:%S}.000+00:00",
        **{name: f"{value}" for name, value in sums.items()},
    }


COLUMNS = (
    "Account", "Symbol", "Type", "Quantity", "Call/Put", "Strike", "Expiration", "Multiplier", "Currency", "Average Price",
    "Mark", "Market Value", "Sector", "As Of",
)  # fmt: skip


def csv_export(count: int, now: datetime, account: str = "TEST-0001", seed: int = SEED) -> bytes:
    """A file in the project's own template (docs/dialects.md)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in held(count, now.date(), seed):
        option = one.expiration is not None
        writer.writerow(
            (
                account,
                one.root,
                "Option" if option else "Stock",
                one.sign * one.quantity,
                one.right.title() if option else "",
                one.strike if option else "",
                one.expiration.isoformat() if one.expiration else "",
                one.multiplier,
                "USD",
                one.average,
                one.mark,
                one.sign * one.value,
                "Technology",
                now.date().isoformat(),
            )
        )
    return text.getvalue().encode()


def document(count: int, now: datetime) -> dict[str, Any]:
    """A positions file with quotes and greeks."""
    time = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    counts = {"fetched": count, "normalized": count, "closed": 0, "rejected": 0}
    return {
        "meta": {
            "schema_version": "1.1",
            "source": "acme",
            "fetched_at": time,
            "account_hash": "a1b2c3d4e5f6***",
            "currency": "USD",
            "status": "complete",
            "counts": counts,
        },
        "balances": {
            "currency": "USD",
            "net_liquidating_value": Decimal("250000.50"),
            "cash": 100_000,
        },
        "positions": [_position(one, time) for one in held(count, now.date())],
    }


def _position(one: Held, time: str) -> dict[str, Any]:
    terms = (
        {}
        if one.expiration is None
        else {
            "option_type": one.right.lower(),
            "strike": one.strike,
            "expiration": one.expiration.isoformat(),
        }
    )
    greeks: dict[str, Any] = {"delta": Decimal(one.sign * one.quantity), "source": "acme"}
    if terms:
        towards = one.sign if one.right == "CALL" else -one.sign
        greeks |= {"delta": Decimal("35.1234") * towards, "gamma": Decimal("1.23") * one.sign}
        greeks |= {"theta": Decimal("-4.5") * one.sign, "vega": Decimal("12.3") * one.sign}
        greeks |= {"implied_volatility": Decimal("0.2345")}
    return {
        "root": one.root,
        "symbol": one.symbol,
        "underlying": one.root,
        "type": "option" if terms else "stock",
        "side": one.side.lower(),
        "quantity": one.quantity,
        **terms,
        "multiplier": one.multiplier,
        "average_price": one.average,
        "cost_basis": one.cost,
        "market_value": one.sign * one.value,
        "unrealized_pl": one.sign * (one.value - one.cost),
        "quote": {
            "bid": one.mark - Decimal("0.01"),
            "ask": one.mark + Decimal("0.01"),
            "mark": one.mark,
            "underlying_price": Decimal("612.35"),
            "as_of": time,
            "source": "acme",
        },
        "greeks": greeks,
    }  # fmt: skip


def legs(count: int, now: datetime) -> dict[str, Any]:
    """A document of options on one underlying, no two of which expire on the same day."""
    base = document(0, now)
    first = date(2027, 1, 1)
    chance = random.Random(SEED)
    positions = [
        _position(
            Held(
                "SPY",
                first + timedelta(days=place),
                chance.choice(("CALL", "PUT")),
                Decimal(chance.randint(300, 900)),
                chance.randint(1, 5),
                chance.choice(("Long", "Short")),
                Decimal(chance.randint(5, 900)) / 100,
                Decimal(chance.randint(5, 900)) / 100,
            ),
            base["meta"]["fetched_at"],
        )
        for place in range(count)
    ]
    counts = {"fetched": count, "normalized": count, "closed": 0, "rejected": 0}
    return {**base, "meta": {**base["meta"], "counts": counts}, "positions": positions}


def moment() -> datetime:
    """Now, to the second: documents must be young enough to be shown."""
    return datetime.now(UTC).replace(microsecond=0)
