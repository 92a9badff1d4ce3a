"""Equity and index options: the OSI symbol in all its spellings.

OSI (Options Symbology Initiative, OCC, in force since 2010): root in 6 columns, `YYMMDD`, `C` or
`P`, strike in thousandths in 8 digits; 21 characters. Reading goes from the right, because only the
root has no fixed width once the padding is lost.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Context, Decimal
from functools import lru_cache

from msgspec import Struct

from variance_bridge.symbology import tables
from variance_bridge.symbology.expirations import listed_root
from variance_bridge.symbology.instrument import (
    Deliverable,
    Instrument,
    InstrumentType,
    OptionType,
    SymbolError,
)
from variance_bridge.symbology.symbol_text import (
    NO_HINTS,
    Hints,
    agreed_expiration,
    clean,
    compact_day,
    exact_number,
    six_digits,
)

RIGHTS = {"C": OptionType.CALL, "P": OptionType.PUT, "CALL": OptionType.CALL, "PUT": OptionType.PUT}

MAX_STRIKE = Decimal("99999.999")
"""What eight digits of thousandths can write."""

_EXACT = Context(prec=40)
_NOTHING, _THOUSAND = Decimal(0), Decimal(1000)
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_OPTION = InstrumentType.OPTION
_STANDARD = Deliverable.STANDARD
_LENGTH = 21
_ROOT_COLUMNS = 6
_TERMS_COLUMNS = 15
_MIN_LENGTH = 16
_PADDED = re.compile(r"[A-Z]{1,6} *[0-9]{6}[CP][0-9]{8}", re.ASCII)
_TERMS = re.compile(r"([0-9]{6}) *([CP]) *([0-9]*\.?[0-9]+)$")
_SHORT_STRIKE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,8}[1-9])?", re.ASCII)
"""A strike without zeros at its end, as nearly all are written."""
_ROOT = re.compile(r"([1-4]?)([A-Z]{1,6})([0-9]?)")
_CLASS_ROOT = re.compile(r"([A-Z]{1,5})[/. -]([A-Z])([0-9]?)")
_INDEX_WITH_FIGURES = re.compile(r"[A-Z]{1,6}[0-9]{2,3}|[A-Z]{1,4}[0-9][A-Z]{1,2}")
"""Indexes whose options have another root: `ESTX50` (OESX), `SX5E`, `N225`."""


def parse_padded(symbol: str) -> Instrument | None:
    """The 21-character form with a root of capitals, or what is left of it where blanks were lost; else None.

    This is the form that brokers send by the thousand, so it is read in one step.
    """
    if not _MIN_LENGTH <= len(symbol) <= _LENGTH or not _PADDED.fullmatch(symbol):
        return None
    root, terms = symbol[:-_TERMS_COLUMNS].rstrip(" "), symbol[-_TERMS_COLUMNS:]
    expiration = _listed_day(terms[:6])
    dollars, mills = terms[7:12], terms[12:]
    strike = Decimal(dollars) if mills == "000" else Decimal(f"{dollars}.{mills.rstrip('0')}")
    if expiration is None or not strike:
        return None
    listed = tables.special_option_roots().get(root)
    group, underlying = (root, root) if listed is None else (listed.root, listed.symbol)
    return Instrument(
        _OPTION,
        group,
        underlying,
        symbol if len(symbol) == _LENGTH else root.ljust(_ROOT_COLUMNS) + terms,
        expiration,
        strike,
        RIGHTS[terms[6]],
        None,
        _STANDARD,
    )


@lru_cache(maxsize=40_000)  # more than a century has days
def _listed_day(digits: str) -> date | None:
    """The day that six digits name; None where there is none."""
    try:
        return compact_day(digits, 0)
    except SymbolError:
        return None


def parse_compact(text: str, hints: Hints) -> Instrument | None:
    """Every spelling with `YYMMDD`, right and strike at its end; None for a text without that end.

    The prefixes `.`, `-` and `O:` are dropped. A strike of eight digits is in thousandths, a shorter
    one is plain.
    """
    terms = _TERMS.search(text)
    if terms is None:
        return None
    start = 2 if text.startswith("O:") else 1 if text[0] in ".-" else 0
    head = text[start : terms.start()].strip(" ")
    if head.endswith("_"):
        return None
    root, spelled = option_root(head, start)
    if spelled is not None and " " in head and not _confirmed(spelled, root, hints):
        raise SymbolError(
            "a blank within a root that is not a known class share", head.index(" ") + start
        )
    strike = compact_strike(terms[3], terms.start(3), marked=start > 0, root=root)
    expiration = compact_day(terms[1], terms.start(1))
    if not _is_osi(terms[3]):
        root = option_root_on(root, expiration)
    return equity_option(root, spelled, expiration, RIGHTS[terms[2]], strike, hints)


def _is_osi(strike: str) -> bool:
    """Whether the strike is in thousandths: such a symbol is the exchange's own, and its root is meant as it is."""
    return len(strike) == 8 and "." not in strike


def option_root_on(root: str, expiration: date, *, weekly: bool = False) -> str:
    """The root of the option that is listed for a day, where a text may name only the index (`SPX` for SPXW).

    `weekly`: the text says so itself. Raises `SymbolError` where nothing on the index expires that day.
    """
    six_digits(expiration)
    listed = listed_root(root, expiration, weekly=weekly)
    if listed is None:
        raise SymbolError("a day on which no option on this index expires")
    return listed


def _confirmed(spelled: str, root: str, hints: Hints) -> bool:
    """Whether a class share that was spelled with a mere blank is in the table or what the broker says."""
    return tables.class_share(root.rstrip("0123456789")) == spelled or (
        hints.underlying is not None and _underlying_share(hints.underlying) == spelled
    )


def option_root(text: str, position: int = 0) -> tuple[str, str | None]:
    """The OSI root, and the class share if it is spelled out: `BRK B` -> (`BRKB`, `BRK/B`)."""
    text = text.lstrip("$^")
    if len(text) <= _ROOT_COLUMNS and _ROOT.fullmatch(text):
        return text, None
    classed = _CLASS_ROOT.fullmatch(text)
    if classed and len(text) <= _ROOT_COLUMNS + 1:
        return "".join(classed.groups()), f"{classed[1]}/{classed[2]}"
    raise SymbolError(
        "not the root of an option: one to six letters, and a digit after them if it was adjusted",
        position,
    )


def compact_strike(digits: str, position: int, *, marked: bool, root: str) -> Decimal:
    """The strike of a symbol without padding; docs/symbology.md says why some are refused."""
    if "." in digits:
        strike = exact_number(digits)
    elif len(digits) == 8:
        strike = exact_number(f"{digits[:5]}.{digits[5:]}")
    elif len(digits) > 5 or (len(digits) == 5 and not marked and tables.index_of(root) is None):
        raise SymbolError("a strike that may be plain or in thousandths", position)
    elif digits[0] == "0":
        raise SymbolError("a strike that starts with 0 and is not eight digits long", position)
    else:
        strike = exact_number(digits)
    if strike is None:
        raise SymbolError("not a strike", position)
    return strike


def equity_option(
    root: str,
    spelled: str | None,
    expiration: date,
    right: OptionType,
    strike: Decimal,
    hints: Hints,
) -> Instrument:
    """An option from its terms. `spelled`: the class share where the text had its separator."""
    agreed_expiration(expiration, hints)
    symbol = _osi(root, expiration, right, strike)
    group, underlying, deliverable = _what_it_delivers(root, spelled, hints)
    return Instrument(
        InstrumentType.OPTION,
        group,
        underlying,
        symbol,
        expiration,
        strike,
        right,
        None,
        deliverable,
    )


def _what_it_delivers(root: str, spelled: str | None, hints: Hints) -> tuple[str, str, Deliverable]:
    """Group root, underlying and deliverable. The broker's word is better than any table.

    A digit after the letters marks a series that a corporate action changed (OCC) or a mini contract;
    one before them a FLEX series.
    """
    deliverable = Deliverable.ADJUSTED if root[-1].isdigit() else Deliverable.STANDARD
    base = root.strip("0123456789")
    given = None if hints.underlying is None else _underlying_share(hints.underlying)
    listed = tables.special_option_roots().get(base)
    underlying = given or spelled or (listed.symbol if listed else base)
    return underlying.replace("/", "-"), underlying, deliverable


def _underlying_share(text: str) -> str:
    """The share or index that a broker names as an option's underlying."""
    if _INDEX_WITH_FIGURES.fullmatch(text):
        return text
    root, spelled = option_root(text)
    base = root.strip("0123456789")
    return spelled or tables.index_of(base) or tables.class_share(base) or base


def option_symbol(
    root: str, expiration: date, option_type: OptionType | str, strike: Decimal | int | str
) -> str:
    """The 21-character OSI symbol of an equity or index option.

    `root` is the option root (`SPXW`, `BABA2`), a share in any spelling (`BRK/B`, `BRK B`), or an index: the
    weekly root takes its place on days on which only that is listed. `strike` is in quote units; floats are refused.
    Raises `SymbolError` for terms that OSI cannot write, and for a day on which no option on the index expires.
    """
    exact = strike_of(strike)
    return f"{_series(root, expiration, str(option_type)).columns}{_thousandths(exact):08d}"


def listed_option(
    root: str, expiration: date, option_type: OptionType | str, strike: Decimal | int | str
) -> Instrument:
    """The instrument that `parse` reads out of the `option_symbol` with these terms. Raises as that does."""
    exact = strike_of(strike)
    series = _series(root, expiration, str(option_type))
    return Instrument(
        _OPTION,
        series.group,
        series.underlying,
        f"{series.columns}{_thousandths(exact):08d}",
        expiration,
        exact,
        series.right,
        None,
        series.deliverable,
    )


class _Series(Struct, frozen=True):
    """What options have in common that differ in their strike only: the columns of the symbol before it, and the rest."""

    columns: str
    group: str
    underlying: str
    right: OptionType
    deliverable: Deliverable


@lru_cache(maxsize=4096)
def _series(root: str, expiration: date, option_type: str) -> _Series:
    compact, _ = option_root(clean(root))
    right = RIGHTS.get(option_type.upper())
    if right is None:
        raise SymbolError("neither a call nor a put")
    listed = option_root_on(compact, expiration)
    group, underlying, deliverable = _what_it_delivers(listed, None, NO_HINTS)
    columns = _columns_before_strike(listed, expiration, right)
    return _Series(columns, group, underlying, right, deliverable)


def _osi(root: str, expiration: date, right: OptionType, strike: Decimal) -> str:
    return f"{_columns_before_strike(root, expiration, right)}{_thousandths(strike):08d}"


def _columns_before_strike(root: str, expiration: date, right: OptionType) -> str:
    return f"{root:<6}{six_digits(expiration)}{right[0].upper()}"


def strike_of(value: Decimal | int | str) -> Decimal:
    """A strike as an exact decimal. Floats have lost digits already and are refused."""
    if isinstance(value, Decimal) and _SHORT_STRIKE.fullmatch(str(value)):
        return value
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        raise SymbolError("a strike must be a Decimal, an int or a text")
    text = (
        format(value, "f")
        if isinstance(value, Decimal) and value.is_finite()
        else str(value).strip()
    )
    strike = exact_number(text)
    if strike is None:
        raise SymbolError("not a strike")
    return strike


def _thousandths(strike: Decimal) -> int:
    if not _NOTHING < strike <= MAX_STRIKE:
        raise SymbolError("a strike outside 0.001 to 99999.999")
    thousandths = _EXACT.multiply(strike, _THOUSAND)
    whole = int(thousandths)
    if whole != thousandths:
        raise SymbolError("a strike finer than a thousandth")
    return whole
