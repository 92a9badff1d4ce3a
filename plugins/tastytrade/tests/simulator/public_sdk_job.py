"""What the public SDK (tastyware/tastytrade) reads from a server: run by a Python that has it, with address, secret and token."""

from __future__ import annotations

import asyncio
import json
import sys

from tastytrade import Account, Session, session
from tastytrade.market_data import get_market_data_by_type
from tastytrade.metrics import get_market_metrics
from tastytrade.order import InstrumentType
from tastytrade.utils import TastytradeError

PARAMETERS = {
    InstrumentType.EQUITY: "equities",
    InstrumentType.EQUITY_OPTION: "options",
    InstrumentType.FUTURE: "futures",
    InstrumentType.FUTURE_OPTION: "future_options",
    InstrumentType.CRYPTOCURRENCY: "cryptocurrencies",
}


async def read(secret: str, token: str) -> dict[str, object]:
    async with Session(secret, token) as client:
        customer = await client.get_customer()
        (account,) = await Account.get(client)
        balances = await account.get_balances(client)
        positions = await account.get_positions(client, include_marks=True)
        wanted: dict[str, list[str]] = {}
        for position in positions:
            if position.instrument_type in PARAMETERS:
                name = PARAMETERS[position.instrument_type]
                wanted.setdefault(name, []).append(position.symbol)
        data = await get_market_data_by_type(client, **wanted)
        metrics = await get_market_metrics(client, ["SPY"])
        streaming = await client._get("/api-quote-tokens")
        try:
            await client._get("/instruments/nonsense")
            unknown = "answered"
        except TastytradeError as error:
            unknown = str(error).strip()
    return {
        "customer": customer.email,
        "account": account.account_number,
        "net_liquidating_value": str(balances.net_liquidating_value),
        "cash": str(balances.cash_balance),
        "positions": [
            [each.symbol, each.quantity_direction, str(each.quantity), str(each.average_open_price), str(each.mark_price)]
            for each in positions
        ],
        "marks": {each.symbol: str(each.mark) for each in data},
        "beta": str(metrics[0].beta),
        "streaming": sorted(streaming),
        "unknown": unknown,
    }  # fmt: skip


if __name__ == "__main__":
    session.API_URL = sys.argv[1]
    json.dump(asyncio.run(read(*sys.argv[2:4])), sys.stdout)
