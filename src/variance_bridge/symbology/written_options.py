"""Options as brokers write them out in words, in positions files and descriptions.

Dates with slashes have the month first (all brokers met here are American); month names are English
whatever the locale of the process.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import attrs

from variance_bridge.symbology import tables
from variance_bridge.symbology.equity_options import RIGHTS, equity_option, option_root
from variance_bridge.symbology.future_options import (
    future_option_symbol,
    parse_future_option,
    series_option,
    underlying_future,
)
from variance_bridge.symbology.futures import read_code
from variance_bridge.symbology.instrument import Instrument, InstrumentType, OptionType, SymbolError
from variance_bridge.symbology.text import Hints, agreed_expiration, day, exact_number, month_number

_ROOT = r"(?P<root>[$^]?[A-Z0-9]{1,6}(?:[/. -][A-Z])?)"
_STRIKE = r"\$?(?P<strike>[0-9,]*\.?[0-9]+)"
_RIGHT = r"(?P<right>CALL|PUT|C|P)"
_DATE = (
    r"(?P<date>"
    r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}(?:[0-9]{2})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"|[0-9]{1,2} ?[A-Z]{3} ?'?[0-9]{2}(?:[0-9]{2})?"
    r"|[A-Z]{3} ?[0-9]{1,2},? ?'[0-9]{2}"
    r"|[A-Z]{3} [0-9]{1,2},? [0-9]{2}(?:[0-9]{2})?"
    r"|[A-Z]{3} [0-9]{4}"
    r")"
)
_ORDERS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_ROOT} {_DATE} {_STRIKE} {_RIGHT}",
        rf"{_ROOT} {_DATE} {_RIGHT} {_STRIKE}",
        rf"{_RIGHT} {_ROOT} {_DATE} {_STRIKE}",
        rf"{_ROOT}_{_DATE}_{_STRIKE}_{_RIGHT}",
    )
)
_STATEMENT_LINE = re.compile(
    rf"{_RIGHT} \({_ROOT}\) .* (?P<date>[A-Z]{{3}} [0-9]{{1,2}} [0-9]{{2}}) {_STRIKE}"
    r"(?: \((?P<shares>[0-9]+) SHS\))?"
)
_DESCRIPTION = re.compile(rf"{_RIGHT} .*\${_STRIKE} EXP (?P<date>[0-9]{{2}}/[0-9]{{2}}/[0-9]{{2}})")
_LEG = re.compile(
    rf"(?:{_ROOT} )?(?P<shares>[0-9]{{1,6}}) (?:\((?P<tag>[^)]*)\) )?"
    r"(?P<date>[0-9]{1,2} [A-Z]{3} [0-9]{2}) (?:\[(?P<settlement>[^\]]*)\] )?"
    rf"{_STRIKE} {_RIGHT}"
)
_LEG_ON_FUTURE = re.compile(
    r"(?:/[A-Z0-9]{1,5} )?1/[0-9]{1,9} (?P<month>[A-Z]{3}) (?P<year>[0-9]{2}) "
    r"(?:\([^)]*\) )?(?:\[[^\]]*\] )?"
    rf"\.?/(?P<series>[A-Z0-9]{{3,8}}) {_STRIKE} {_RIGHT}"
)


def parse_written(text: str, hints: Hints) -> Instrument | None:
    """An option that is written out in words; None for a text that is none of these forms."""
    text = " ".join(text.split())
    if "_" not in text and " " not in text:
        return None
    for read in _READERS:
        found = read(text, hints)
        if found is not None:
            return found
    return None


def _ordered(text: str, hints: Hints) -> Instrument | None:
    """Root, date, strike and right in one of the usual orders."""
    match = next((match for order in _ORDERS if (match := order.fullmatch(text))), None)
    if match is None:
        return None
    expiration = _expiration(match["date"], hints, match.start("date"))
    if hints.type is InstrumentType.FUTURE_OPTION:
        return _without_series(match, expiration, hints)
    root, spelled = option_root(match["root"], match.start("root"))
    return _equity_option(match, root, spelled, expiration, hints)


def _without_series(match: re.Match[str], expiration: date, hints: Hints) -> Instrument | None:
    """A futures option by its terms (`CL 17NOV26 75 C`): the caller must know its future."""
    future = underlying_future(hints)
    if future is None:
        raise SymbolError(
            "a futures option without its future: the underlying must come with it",
            match.start("root"),
        )
    strike = match["strike"].replace(",", "")
    symbol = future_option_symbol(
        f"/{future.written(two_digits=True)}", expiration, RIGHTS[match["right"]], strike
    )
    return parse_future_option(symbol, hints)


def _statement_line(text: str, hints: Hints) -> Instrument | None:
    """`CALL (SPY) SPDR S&P 500 ETF JAN 25 19 $265 (100 SHS)`."""
    match = _STATEMENT_LINE.fullmatch(text)
    if match is None:
        return None
    _refuse_odd_lot(match)
    root, spelled = option_root(match["root"], match.start("root"))
    return _equity_option(
        match, root, spelled, _expiration(match["date"], hints, match.start("date")), hints
    )


def _description(text: str, hints: Hints) -> Instrument | None:
    """`PUT PALO ALTO NETWORKS I$327.5 EXP 09/11/26`: the root must come from the caller."""
    match = _DESCRIPTION.fullmatch(text)
    if match is None:
        return None
    root, spelled = _given_root(hints)
    return _equity_option(
        match, root, spelled, _expiration(match["date"], hints, match.start("date")), hints
    )


def _leg(text: str, hints: Hints) -> Instrument | None:
    """`100 (Weeklys) 31 MAY 22 4650 PUT`: shares per contract first, the root in another row.

    On an index the tag tells the PM-settled root from the AM-settled one: `SPX (Weeklys)` is SPXW.
    """
    match = _LEG.fullmatch(text)
    if match is None:
        return None
    _refuse_odd_lot(match)
    root, spelled = (
        option_root(match["root"], match.start("root")) if match["root"] else _given_root(hints)
    )
    if match["tag"] is not None or "PM" in (match["settlement"] or ""):
        root = tables.pm_root_of(root)
    return _equity_option(
        match, root, spelled, _expiration(match["date"], hints, match.start("date")), hints
    )


def _leg_on_future(text: str, hints: Hints) -> Instrument | None:
    """`1/50 JUL 21 /OZCN21 560 PUT`: no future and no day, but the series."""
    match = _LEG_ON_FUTURE.fullmatch(text)
    if match is None:
        return None
    series = read_code(match["series"])
    if series is None or month_number(match["month"]) is None:
        raise SymbolError("not the contract of a futures option", match.start("series"))
    if len(series.year_digits) == 1 and match["year"].endswith(series.year_digits):
        series = attrs.evolve(series, year_digits=match["year"])
    strike = exact_number(match["strike"])
    if not strike:
        raise SymbolError("not a strike", match.start("strike"))
    return series_option(series, RIGHTS[match["right"]], strike, hints)


def _given_root(hints: Hints) -> tuple[str, str | None]:
    if hints.underlying is None:
        raise SymbolError("an option without its root: the underlying must come with it")
    return option_root(hints.underlying)


def _refuse_odd_lot(match: re.Match[str]) -> None:
    if match["shares"] not in (None, "100"):
        raise SymbolError(
            "not 100 shares per contract: the root of an adjusted option cannot be told",
            match.start("shares"),
        )


def _equity_option(
    match: re.Match[str], root: str, spelled: str | None, expiration: date, hints: Hints
) -> Instrument:
    strike = exact_number(match["strike"])
    if strike is None:
        raise SymbolError("not a strike", match.start("strike"))
    right: OptionType = RIGHTS[match["right"]]
    return equity_option(root, spelled, expiration, right, strike, hints)


def _expiration(text: str, hints: Hints, position: int) -> date:
    """The date that a text writes; where it has no day (`JAN 2028`), the caller's in that month."""
    if "/" in text:
        month, day_of_month, year = (int(part) for part in text.split("/"))
        return agreed_expiration(
            day(_full_year(year), month, day_of_month, position), hints, position
        )
    if "-" in text:
        year, month, day_of_month = (int(part) for part in text.split("-"))
        return agreed_expiration(day(year, month, day_of_month, position), hints, position)
    name = re.search(r"[A-Z]{3}", text)
    number = None if name is None else month_number(name[0])
    if number is None:
        raise SymbolError("not the name of a month", position)
    numbers = [int(part) for part in re.findall(r"[0-9]+", text)]
    if len(numbers) == 1:
        return _given_day(numbers[0], number, hints, position)
    return agreed_expiration(
        day(_full_year(numbers[1]), number, numbers[0], position), hints, position
    )


def _given_day(year: int, month: int, hints: Hints, position: int) -> date:
    if hints.expires_on is None:
        raise SymbolError("no day of expiration", position)
    if (hints.expires_on.year, hints.expires_on.month) != (year, month):
        raise SymbolError("the expiration in the symbol is not the one that came with it", position)
    return hints.expires_on


def _full_year(year: int) -> int:
    return 2000 + year if year < 100 else year


_READERS: tuple[Callable[[str, Hints], Instrument | None], ...] = (
    _leg_on_future,
    _leg,
    _ordered,
    _statement_line,
    _description,
)
