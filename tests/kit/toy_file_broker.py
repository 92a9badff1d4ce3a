"""A small broker that reads a table: right in every case of the kit, so that a fault in it is found by one of them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from variance_bridge.broker import Account, BrokerContext, BrokerSpec, Capability, RawPortfolio
from variance_bridge.errors import DataRefused, UsageError
from variance_bridge.model import Counts, Holding, Meta, Portfolio, RejectedRow, Rejection, Side
from variance_bridge.symbology import InstrumentType

HEADER = ("Symbol", "Quantity", "Price")
SPEC = BrokerSpec(
    name="toy",
    slug="toy",
    title="Toy",
    broker="toy_file_broker:ToyFileBroker",
    capabilities=frozenset({Capability.STOCK, Capability.READS_FILES}),
)
_NUMBER = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,30})?")


class ToyFileBroker:
    """Reads a table with the columns Symbol, Quantity and Price."""

    def __init__(self, context: BrokerContext) -> None:
        self.context = context

    def accounts(self) -> Sequence[Account]:
        return [Account(number="")]

    def fetch(self, account: Account) -> RawPortfolio:
        path = self.context.input_file
        if path is None:
            raise UsageError("this broker reads a file, and none was named")
        try:
            data = path.read_bytes()
            text = data.decode("utf-8-sig")
            modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except (OSError, UnicodeDecodeError):
            raise DataRefused("the file cannot be read") from None
        raw = RawPortfolio(account=account, payloads={"text": text}, fetched_at=modified)
        self.normalize(raw)
        return raw

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        rows = self.rows(raw.payloads["text"])
        kept, rejected, closed = [], [], 0
        for line, row in rows:
            try:
                quantity, price = self.number(row["Quantity"]), self.number(row["Price"])
            except ValueError:
                rejected.append(RejectedRow(row=line, reason=Rejection.NUMBER_UNREADABLE))
                continue
            if not re.fullmatch(r"[A-Z]{1,5}", row["Symbol"]):
                rejected.append(RejectedRow(row=line, reason=Rejection.SYMBOL_UNREADABLE))
            elif quantity == 0:
                closed += 1
            else:
                kept.append(self.holding(row["Symbol"], quantity, price))
        counts = Counts(
            fetched=len(rows), normalized=len(kept), closed=closed, rejected=len(rejected)
        )
        meta = Meta(
            source="toy",
            fetched_at=raw.fetched_at,
            currency="USD",
            counts=counts,
            rejected=tuple(rejected),
        )
        return Portfolio(meta=meta, positions=tuple(kept))

    def rows(self, text: str) -> list[tuple[int, dict[str, str]]]:
        """The rows by the names of their columns, with their lines."""
        lines = list(csv.reader(io.StringIO(text)))
        header = lines[0] if lines else []
        if not set(HEADER) <= set(header):
            raise DataRefused("the table has not the columns that it needs")
        found = []
        for line, cells in enumerate(lines[1:], start=2):
            if not cells:
                continue
            if len(cells) != len(header) and line == len(lines):
                raise DataRefused("the file is cut off", where=f"line {line}")
            filled = cells if len(cells) == len(header) else [""] * len(header)
            found.append((line, dict(zip(header, filled, strict=True))))
        return found

    def number(self, text: str) -> Decimal:
        if not _NUMBER.fullmatch(text.strip()):
            raise ValueError
        return Decimal(text.strip())

    def holding(self, symbol: str, quantity: Decimal, price: Decimal) -> Holding:
        return Holding(
            root=symbol,
            symbol=symbol,
            type=InstrumentType.STOCK,
            side=Side.LONG if quantity > 0 else Side.SHORT,
            quantity=abs(quantity),
            multiplier=Decimal(1),
            average_price=price,
            cost_basis=abs(quantity) * price,
        )
