"""What one row of `positions` says, and the contract sizes of `quotes`. Pure.

A row has a total cost and no price: `{cost_basis, date_acquired, id, quantity, symbol}`. Quantity and cost are negative
when short. `date_acquired` moves with every change of the position, so it is not the day on which it was opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from variance_bridge import Caution, Holding, InstrumentType, Side, SymbolError
from variance_bridge.rows import CLOSED, Closed, Members, holding
from variance_bridge.symbology import parse
from variance_bridge_tradier.api import quotes_of


def option_symbols(rows: Iterable[Any]) -> list[str]:
    """The options among the rows, as Tradier spells them: compact OCC symbols."""
    found = []
    for row in rows:
        symbol = row.get("symbol") if isinstance(row, Mapping) else None
        if isinstance(symbol, str) and _is_option(symbol):
            found.append(symbol)
    return sorted(set(found))


def _is_option(symbol: str) -> bool:
    try:
        return parse(symbol).type is InstrumentType.OPTION
    except SymbolError:
        return False


def contract_sizes(answers: Iterable[Any]) -> dict[str, Decimal]:
    """How many shares a contract delivers (`contract_size`), by symbol, where the quotes tell.

    Raises:
        DataRefused: an answer does not have the form of quotes.
    """
    sizes = {}
    for answer in answers:
        for symbol, quote in quotes_of(answer).items():
            size = Members(quote).number("contract_size")
            if size is not None and size > 0:
                sizes[symbol] = size
    return sizes


def read_row(row: Members, sizes: Mapping[str, Decimal]) -> Holding | Closed:
    """The position, or `CLOSED`; `RowRejected` is raised for a row that is not understood."""
    quantity = row.quantity("quantity")
    if quantity == 0:
        return CLOSED
    side = Side.LONG if quantity > 0 else Side.SHORT
    instrument = row.instrument("symbol")
    cost = row.number("cost_basis")
    if cost is None:
        row.caution(Caution.COST_UNKNOWN)
    elif cost * quantity < 0:
        row.caution(Caution.SIGN_UNCONFIRMED)
    return holding(
        row,
        instrument,
        side,
        quantity,
        multiplier=_multiplier(row, instrument.type, sizes),
        cost=cost,
        broker_symbol=row.word("symbol"),
    )


def _multiplier(row: Members, kind: InstrumentType, sizes: Mapping[str, Decimal]) -> Decimal | None:
    if kind is not InstrumentType.OPTION:
        return Decimal(1)
    size = sizes.get(row.word("symbol") or "")
    if size is None:
        row.caution(Caution.MULTIPLIER_UNKNOWN)
    return size
