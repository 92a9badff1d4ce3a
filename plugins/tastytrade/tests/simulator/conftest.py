"""A client of the simulator that does no more than it is told, and a portfolio with one row of each type."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest

from tastytrade_simulator import SimulatedPortfolio, Simulator

USER_AGENT = "variance-bridge-tests/1.0"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Reply:
    """An answer that was read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def items(self) -> Any:
        return self.json()["data"]["items"]

    @property
    def code(self) -> Any:
        return self.json()["error"]["code"]


class Client:
    """One keep-alive connection to a simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.connection = http.client.HTTPConnection(
            simulator.url.removeprefix("http://"), timeout=60
        )
        self.authorization: str | None = None

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> Reply:
        """Send exactly these headers (underscores become hyphens) with a User-Agent unless one is given."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given.setdefault("User-Agent", USER_AGENT)
        self.connection.request(method, path, body, {k: v for k, v in given.items() if v})
        response = self.connection.getresponse()
        return Reply(response.status, response.headers, response.read())

    def grant(self, **changes: str | None) -> Reply:
        """Ask for an access token; a change to None leaves the field out."""
        known = self.simulator.credentials
        fields = {
            "grant_type": "refresh_token",
            "refresh_token": known.refresh_token,
            "client_secret": known.client_secret,
            **changes,
        }
        body = urlencode({name: value for name, value in fields.items() if value is not None})
        return self.send("POST", "/oauth/token", body, Content_Type=FORM)

    def log_in(self) -> None:
        """Get an access token and keep it."""
        self.authorization = f"Bearer {self.grant().json()['access_token']}"

    def get(self, path: str, **headers: str) -> Reply:
        """Read a route with the token that was kept."""
        if self.authorization:
            headers.setdefault("Authorization", self.authorization)
        return self.send("GET", path, **headers)


@pytest.fixture
def start() -> Iterator[Callable[..., Client]]:
    """Start a simulator with the given settings and return a client that has logged in, unless told otherwise."""
    with ExitStack() as running:

        def begin(
            portfolio: SimulatedPortfolio | None = None, *, log_in: bool = True, **settings: Any
        ) -> Client:
            simulator = running.enter_context(Simulator(portfolio or every_type(), **settings))
            client = Client(simulator)
            running.callback(client.connection.close)
            if log_in:
                client.log_in()
                simulator.clear()
            return client

        yield begin


def every_type() -> SimulatedPortfolio:
    return SimulatedPortfolio.from_data(
        {
            "accounts": [
                {
                    "number": "5WX00001",
                    "cash": "1000.25",
                    "positions": [
                        {
                            "symbol": "SPY",
                            "quantity": "100.29",
                            "average_open_price": "598.43214464",
                            "quote": {
                                "bid": "684.19",
                                "ask": "684.21",
                                "mark": "684.20",
                                "last": "684.20",
                            },
                        },
                        {
                            "symbol": "BRK/B",
                            "quantity": "-10",
                            "average_open_price": "339.63",
                            "mark_price": "360",
                        },
                        {
                            "symbol": "IWM   270115P00225000",
                            "instrument_type": "Equity Option",
                            "quantity": "-40",
                            "average_open_price": "0.79",
                            "realized_today": "-12.5",
                            "quote": {
                                "bid": "0.40",
                                "ask": "0.42",
                                "mark": "0.41",
                                "delta": "-0.168",
                                "gamma": "0.01",
                                "theta": "-0.04",
                                "vega": "0.2",
                                "volatility": "0.22",
                            },
                        },
                        {
                            "symbol": "/MYMH7",
                            "instrument_type": "Future",
                            "quantity": 1,
                            "multiplier": "0.5",
                            "average_open_price": "45688",
                            "mark_price": "45800",
                        },
                        {
                            "symbol": "./MESH7EX3Z6 261218P6400",
                            "instrument_type": "Future Option",
                            "quantity": -3,
                            "multiplier": 5,
                            "average_open_price": "47.58333333",
                            "quote": {
                                "bid": "34",
                                "ask": "35",
                                "mark": "34.479701886",
                                "delta": "-0.2",
                            },
                        },
                        {
                            "symbol": "ETH/USD",
                            "instrument_type": "Cryptocurrency",
                            "quantity": "0.2637329",
                            "average_open_price": "1895.82",
                            "quote": {"bid": "1786", "ask": "1787", "mark": "1786.455"},
                        },
                        {"symbol": "NKLAW", "instrument_type": "Warrant", "quantity": 100},
                        {"symbol": "AAPL", "quantity": 0, "average_open_price": "3"},
                    ],
                },
                {"number": "5WX00002", "is_closed": True},
            ],
            "metrics": {"SPY": {"beta": "1"}, "BRK/B": {"beta": "0.71"}},
            "adjusted_deliverables": {"BABA2": 110},
        }
    )


@pytest.fixture
def portfolio() -> SimulatedPortfolio:
    """One row of each type, one closed row and one closed account."""
    return every_type()
