"""What a symbol says: the instrument, its closed vocabularies, the base of such records, and the error of this package."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cache
from inspect import get_annotations
from typing import TYPE_CHECKING, Any

import attrs
from msgspec import NODEFAULT, Struct, structs

if TYPE_CHECKING:
    from variance_bridge.symbology.tables import Settlement


class InstrumentType(StrEnum):
    """The kinds of instrument of the lingua franca. ETFs are `stock`, index options `option`."""

    STOCK = "stock"
    OPTION = "option"
    FUTURE = "future"
    FUTURE_OPTION = "future_option"
    CRYPTO = "crypto"
    BOND = "bond"
    FUND = "fund"
    CASH = "cash"
    OTHER = "other"


class OptionType(StrEnum):
    """The right that an option gives."""

    CALL = "call"
    PUT = "put"


class Deliverable(StrEnum):
    """What one option contract delivers: the standard lot, or what a corporate action left."""

    STANDARD = "standard"
    ADJUSTED = "adjusted"


class _Fields:
    """The fields of a record's class, in the form of attrs. Found when they are asked for: most runs never ask."""

    def __get__(self, _record: object, cls: type[Struct]) -> tuple[attrs.Attribute[Any], ...]:
        return _fields(cls)


@cache
def _fields(cls: type[Struct]) -> tuple[attrs.Attribute[Any], ...]:
    members = {field.name: attrs.field(default=_default(field)) for field in structs.fields(cls)}
    types: dict[str, Any] = {}
    for each in reversed(cls.__mro__):
        types |= get_annotations(each)
    like: Any = attrs.make_class(
        cls.__name__, members, class_body={"__annotations__": types}, kw_only=True
    )
    found: tuple[attrs.Attribute[Any], ...] = attrs.fields(like)
    return found


def _default(field: structs.FieldInfo) -> Any:
    if field.required:
        return attrs.NOTHING
    return (
        field.default
        if field.default_factory is NODEFAULT
        else attrs.Factory(field.default_factory)
    )


class Value(Struct, frozen=True, omit_defaults=True):
    """An immutable record, compared by value. What has its default, None for what is unknown, is not written into a document.

    There is one for each position, and a `msgspec.Struct` is made four times as fast as a frozen class of attrs, and read and
    written by msgspec without a line of Python for each member. Programs use the functions of attrs on these records
    (`attrs.evolve`, `attrs.fields`, `attrs.asdict`), so that a record has what those look at.

    One that is made by the ten thousand and has numbers alone (`money.Sum`) is a class with `gc=False`: nothing in it could lead back
    to it, so that Python's collector of cycles has nothing to look for.
    """

    __attrs_attrs__ = _Fields()


class Record(Value, frozen=True, weakref=True):
    """An immutable record that programs can refer to weakly."""


class Instrument(Record, frozen=True):
    """One instrument, as far as it is known from its symbol and the caller's hints; unknown is None.

    `symbol` is the canonical spelling; parsed again with the same hints, it gives an equal instrument.
    """

    type: InstrumentType
    root: str
    """What positions are grouped under: `SPY`, `SPX` for SPXW, `BRK-B`, `/ES`, `BTC-USD`."""
    underlying: str | None
    """What is delivered or settled on: `BRK/B`, `SPX`, `/ESZ5`; a future's is its product (`/ES`).

    None only for a futures option whose future the symbol does not name.
    """
    symbol: str
    expiration: date | None = None
    """The contract's own date. Never computed from a contract month."""
    strike: Decimal | None = None
    """In quote units, exact, without trailing zeros after the point."""
    option_type: OptionType | None = None
    contract: str | None = None
    """A futures option's series with its month and year: `EX3H6`."""
    deliverable: Deliverable | None = None
    """For equity and index options only."""
    contract_month: str | None = None
    """The month that a future's (or futures option's) code names, as `2026-03`.

    None where the year has one digit and nothing tells the decade. Not always the month of expiry:
    `/NGF6` expires in December.
    """

    @property
    def option_root(self) -> str | None:
        """The root that the OSI symbol of an equity or index option bears: `SPXW`, `BABA2`; None for all else."""
        return self.symbol[:6].rstrip() if self.type is InstrumentType.OPTION else None

    @property
    def settlement(self) -> Settlement | None:
        """`am` or `pm` for equity and index options; None where the table does not say, and for all else."""
        from variance_bridge.symbology import expirations

        if self.option_root is None or self.expiration is None:
            return None
        return expirations.settlement_of(self.option_root, self.expiration)

    @property
    def last_trading_day(self) -> date | None:
        """The last day on which an equity or index option trades: the day before for AM settlement.

        None where the settlement is unknown, and for all else.
        """
        from variance_bridge.symbology import expirations

        if self.option_root is None or self.expiration is None:
            return None
        return expirations.last_trading_day(self.option_root, self.expiration)


class SymbolError(ValueError):
    """A text that is not a symbol, or that cannot be read in one way only.

    Neither the message nor its arguments repeat the text: what stands in a symbol column can be
    personal.
    """

    def __init__(self, reason: str, position: int = 0) -> None:
        super().__init__(reason, position)
        self.reason = reason
        """Why, in words that need no look at the text."""
        self.position = position
        """Index (from 0) of the character at which reading stopped making sense."""

    def __str__(self) -> str:
        return f"{self.reason} (at character {self.position + 1})"
