"""The tables behind the symbols: read from data files when they are first needed, then kept.

Every table is a TOML file in `data/` that states its source. Nothing is read at import.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from variance_bridge.symbology.instrument import InstrumentType

_DATA = Path(__file__).parent / "data"


def read_table(name: str) -> dict[str, Any]:
    """The content of a TOML file in `data/`. Every one of them states its source."""
    import tomllib

    return tomllib.loads((_DATA / name).read_text(encoding="utf-8"))


class Settlement(StrEnum):
    """Which prices of the day of expiration settle an option: the opening ones or the closing ones."""

    AM = "am"
    """Settled on the opening prices: the last trading day is the one before the expiration."""
    PM = "pm"
    """Settled on the closing prices, or exercised after them."""


class IndexSeries(Struct, frozen=True):
    """The options on an index that share a root."""

    index: str
    settlement: Settlement
    expires: str | None
    """The rule for the days on which it expires, or None for any trading day."""
    weekly_root: str | None
    """The root of the index's other options, for the series that bears the index's own name."""


@cache
def index_series() -> Mapping[str, IndexSeries]:
    """Every root of index options, the indexes' own names included."""
    found = {}
    for index, entry in read_table("index_options.toml")["indexes"].items():
        weekly_root = entry.get("weekly_root")
        found[index] = IndexSeries(
            index, Settlement(entry["settlement"]), entry.get("expires"), weekly_root
        )
        for root, settlement in entry.get("roots", {}).items():
            expires = entry.get("weekly_expires")
            found[root] = IndexSeries(index, Settlement(settlement), expires, None)
    return MappingProxyType(found)


class FuturesProduct(Struct, frozen=True):
    """A futures product as its exchange lists it."""

    root: str
    """With the slash: `/ES`."""
    title: str
    exchange: str
    """ISO 10383 market identifier, as data feeds append it: `XCME`, `XCBT`, `XNYM`, `XCEC`."""
    currency: str
    multiplier: Decimal
    """Money per 1.00 of price per contract."""
    fraction: int | None = None
    """Denominator of the fraction in which it is quoted: 32 for treasuries, 8 for grains."""
    option_fraction: int | None = None
    """Denominator in which its options are quoted: 64 for treasuries, 8 for grains."""
    option_roots: tuple[str, ...] = ()
    """Series roots that are known to be options on this product; not complete."""
    two_digit_year: bool = False
    """Brokers write its contracts with two year digits (`/VXX22`)."""
    weekly: bool = False
    """Has weekly contracts, numbered between root and month (`/VX01F6`)."""
    strikes_below_zero: bool = False
    """Its exchange lists options with strikes of zero and below."""
    expires_in_its_month: bool = False
    """Its contracts expire in the month that they are named after. Others may before it (oil) or after it (SOFR)."""


class MinorUnit(Struct, frozen=True):
    """A part of a currency in which an exchange quotes: pence, agorot."""

    currency: str
    per_unit: int
    """How many of it are one of the currency."""


class ListedUnderlying(Struct, frozen=True):
    """What an equity or index option root stands for, where that is not the root itself."""

    root: str
    symbol: str


@cache
def _products() -> Mapping[str, FuturesProduct]:
    found = {}
    table = read_table("futures_products.toml")
    in_their_months = frozenset(table["expire_in_their_month"])
    for code, entry in table["products"].items():
        entry["expires_in_its_month"] = code in in_their_months
        entry["multiplier"] = Decimal(entry["multiplier"])
        entry["option_roots"] = tuple(entry.get("option_roots", ()))
        found[code] = FuturesProduct(root=f"/{code}", **entry)
    return MappingProxyType(found)


def futures_product(root: str) -> FuturesProduct | None:
    """The product of a futures root (`/ES` or `ES`, any case), or None where the table has none."""
    return _products().get(root.removeprefix("/").upper())


@cache
def _series_owners() -> Mapping[str, str]:
    owners = {
        series: code for code, product in _products().items() for series in product.option_roots
    }
    return MappingProxyType(owners | {code: code for code in _products()})


def product_of_series(series_root: str) -> FuturesProduct | None:
    """The product on which a series of futures options is written: `EX3` -> `/MES`."""
    code = _series_owners().get(series_root)
    return None if code is None else _products()[code]


def index_of(option_root: str) -> str | None:
    """The index of an option root (`SPXW` -> `SPX`, `SPX` -> `SPX`); None for other roots."""
    series = index_series().get(option_root.upper())
    return None if series is None else series.index


@cache
def _class_shares() -> Mapping[str, str]:
    listed: list[str] = read_table("class_shares.toml")["listed"]
    return MappingProxyType({symbol.replace("/", ""): symbol for symbol in listed})


def class_share(compact: str) -> str | None:
    """The class share that is spelled without its separator (`BRKB` -> `BRK/B`), or None."""
    return _class_shares().get(compact)


@cache
def special_option_roots() -> Mapping[str, ListedUnderlying]:
    """Every option root that does not name its underlying: index weeklies and class shares."""
    special = {
        root: ListedUnderlying(series.index, series.index)
        for root, series in index_series().items()
        if root != series.index
    }
    for compact, symbol in _class_shares().items():
        special[compact] = ListedUnderlying(symbol.replace("/", "-"), symbol)
    return MappingProxyType(special)


@cache
def share_suffixes() -> frozenset[str]:
    """Suffixes that tell a share from a pair: units, warrants, rights, preferreds."""
    return frozenset(read_table("class_shares.toml")["suffixes"])


@cache
def currencies() -> frozenset[str]:
    """ISO 4217 codes of the currencies that retail brokers carry."""
    return frozenset(read_table("currencies.toml")["iso_4217"])


@cache
def iso_currencies() -> frozenset[str]:
    """All codes of ISO 4217, and those that brokers write beside them."""
    return currencies() | frozenset(read_table("currencies.toml")["other_iso_4217"])


@cache
def minor_units() -> Mapping[str, MinorUnit]:
    """Parts of currencies, as brokers spell them: `GBX` and `GBp` are pence. Upper and lower case count."""
    table = read_table("currencies.toml")["minor_units"]
    return MappingProxyType({word: MinorUnit(**unit) for word, unit in table.items()})


@cache
def quote_currencies() -> tuple[str, ...]:
    """What crypto pairs are quoted in, the longest code first."""
    codes = {*currencies(), *read_table("currencies.toml")["crypto_quotes"]}
    return tuple(sorted(codes, key=lambda code: (-len(code), code)))


@cache
def cash_phrases() -> frozenset[str]:
    """What brokers write in the symbol column of a cash row, upper case, single blanks."""
    return frozenset(read_table("currencies.toml")["cash_phrases"])


@cache
def _words() -> Mapping[str, InstrumentType]:
    table: dict[str, list[str]] = read_table("instrument_type_words.toml")["words"]
    return MappingProxyType(
        {word: InstrumentType(kind) for kind, words in table.items() for word in words}
    )


def instrument_type_of(word: object) -> InstrumentType | None:
    """What a broker's word for an instrument type means; None for a word in no table.

    Case, blanks, underscores and hyphens do not matter: `EQUITY_OPTION` is `Equity Option`.
    """
    if isinstance(word, InstrumentType):
        return word
    if not isinstance(word, str) or len(word) > 64:
        return None
    return _type_of_word(word)


@lru_cache(maxsize=256)
def _type_of_word(word: str) -> InstrumentType | None:
    return _words().get(" ".join(word.casefold().replace("_", " ").replace("-", " ").split()))
