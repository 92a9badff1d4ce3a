"""Options as brokers write them out in words, in positions files and descriptions."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from msgspec import structs

from variance_bridge.symbology.equity_options import (
    RIGHTS,
    compact_strike,
    equity_option,
    option_root,
    option_root_on,
    parse_compact,
)
from variance_bridge.symbology.expirations import listed_root, may_expire
from variance_bridge.symbology.future_options import (
    future_option_symbol,
    parse_future_option,
    series_option,
    underlying_future,
)
from variance_bridge.symbology.futures import read_code
from variance_bridge.symbology.instrument import Instrument, InstrumentType, SymbolError
from variance_bridge.symbology.shares_funds_coins import parse_share
from variance_bridge.symbology.symbol_text import Hints, exact_number, month_number
from variance_bridge.symbology.trading_days import is_trading_day
from variance_bridge.symbology.written_dates import DATE, written_day

_ROOT = r"(?P<root>[$^]?[A-Z0-9]{1,6}(?:[/. -][A-Z])?)"
_STRIKE = r"\$?(?P<strike>[0-9,]*\.?[0-9]+)"
_RIGHT = r"(?P<right>CALL|PUT|C|P)"
_ORDERS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_ROOT} {DATE} {_STRIKE} {_RIGHT}",
        rf"{_ROOT} {DATE} {_RIGHT} {_STRIKE}",
        rf"{_ROOT} {DATE} (?P<right>[CP]){_STRIKE}",
        rf"{_RIGHT} {_ROOT} {DATE} {_STRIKE}",
        rf"{_ROOT}_{DATE}_{_STRIKE}_{_RIGHT}",
        # A contract at Eurex, the last letter its cycle: `P BMW  20221216 72 M`.
        rf"(?P<right>[CP]) {_ROOT} (?P<date>20[0-9]{{6}}) {_STRIKE} [A-Z]",
    )
)
_UNDERSCORED = re.compile(
    rf"{_ROOT}_(?P<date>[0-9]{{6}})_?(?P<right>[CP])_?(?P<strike>[0-9]*\.?[0-9]+)"
)
_PORTAL = re.compile(
    rf"{_ROOT} (?P<month>[A-Z]{{3}})(?:(?P<day>[0-9]{{1,2}})')?(?P<year>[0-9]{{2,4}}) {_STRIKE} {_RIGHT} "
    r"\[(?P<symbol>[A-Z0-9]{1,6} ?[0-9]{6}[CP][0-9]{8}) (?P<multiplier>[0-9]{1,6})\]"
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
_SERIES_TAG = re.compile(r"[A-Za-z ]+")
"""`Weeklys`, `Mini`: any other tag says what is delivered (`US 50; CASH 12.00`)."""
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
    if hints.type is InstrumentType.FUTURE_OPTION:
        return _without_series(match, written_day(match, hints, is_trading_day), hints)
    root, spelled = option_root(match["root"], match.start("root"))
    return _equity_option(match, root, spelled, hints)


def _underscored(text: str, hints: Hints) -> Instrument | None:
    """`AAPL_062714C587.5`, month first, and `SPY_210319_C400`, year first: hardly a date fits both."""
    match = _UNDERSCORED.fullmatch(text)
    if match is None or hints.type is InstrumentType.FUTURE_OPTION:
        return None
    root, spelled = option_root(match["root"], match.start("root"))
    strike = compact_strike(match["strike"], match.start("strike"), marked=True, root=root)
    return _equity_option(match, root, spelled, hints, strike=strike)


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
    return _equity_option(match, root, spelled, hints)


def _description(text: str, hints: Hints) -> Instrument | None:
    """`PUT PALO ALTO NETWORKS I$327.5 EXP 09/11/26`: the root must come from the caller."""
    match = _DESCRIPTION.fullmatch(text)
    if match is None:
        return None
    root, spelled = _given_root(hints)
    return _equity_option(match, root, spelled, hints)


def _leg(text: str, hints: Hints) -> Instrument | None:
    """`100 (Weeklys) 31 MAY 22 4650 PUT`: shares per contract first, the root in another row.

    On an index the tag tells the weekly series from the monthly one: `SPX (Weeklys)` is SPXW on a third Friday, too.
    """
    match = _LEG.fullmatch(text)
    if match is None:
        return None
    _refuse_odd_lot(match)
    if match["tag"] and not _SERIES_TAG.fullmatch(match["tag"]):
        raise SymbolError(
            "something other than 100 shares is delivered: the root of an adjusted option is not known",
            match.start("tag"),
        )
    root, spelled = (
        option_root(match["root"], match.start("root")) if match["root"] else _given_root(hints)
    )
    weekly = match["tag"] is not None or "PM" in (match["settlement"] or "")
    return _equity_option(match, root, spelled, hints, weekly=weekly)


def _leg_on_future(text: str, hints: Hints) -> Instrument | None:
    """`1/50 JUL 21 /OZCN21 560 PUT`: no future and no day, but the series."""
    match = _LEG_ON_FUTURE.fullmatch(text)
    if match is None:
        return None
    series = read_code(match["series"])
    if series is None or month_number(match["month"]) is None:
        raise SymbolError("not the contract of a futures option", match.start("series"))
    if len(series.year_digits) == 1 and match["year"].endswith(series.year_digits):
        series = structs.replace(series, year_digits=match["year"])
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
            "not 100 shares per contract: the root of an adjusted option is not known",
            match.start("shares"),
        )


def _equity_option(
    match: re.Match[str],
    root: str,
    spelled: str | None,
    hints: Hints,
    *,
    weekly: bool = False,
    strike: Decimal | None = None,
) -> Instrument:
    """An option from its terms; `strike` where the caller has read it."""

    def can_expire(day: date) -> bool:
        listed = listed_root(root, day, weekly=weekly)
        return listed is not None and may_expire(listed, day)

    expiration = written_day(match, hints, can_expire)
    strike = exact_number(match["strike"]) if strike is None else strike
    if strike is None:
        raise SymbolError("not a strike", match.start("strike"))
    listed = option_root_on(root, expiration, weekly=weekly)
    return equity_option(listed, spelled, expiration, RIGHTS[match["right"]], strike, hints)


def _in_portal(text: str, hints: Hints) -> Instrument | None:
    """`SPX APR2020 2845 P [SPXW 200417P02845000 100]`, with or without the day: the OSI symbol in brackets, its terms before them."""
    match = _PORTAL.fullmatch(text)
    if match is None:
        return None
    found = parse_compact(match["symbol"], hints)
    agreed = (
        found is not None
        and found.expiration is not None
        and found.expiration.month == month_number(match["month"])
        and found.expiration.year % 100 == int(match["year"][-2:])
        and match["day"] in (None, str(found.expiration.day), f"{found.expiration.day:02d}")
        and found.strike == exact_number(match["strike"])
        and found.option_type is RIGHTS[match["right"]]
        and found.root == parse_share(match["root"], hints).root
    )
    if not agreed:
        raise SymbolError("the terms before the symbol are not the symbol's", match.start("symbol"))
    return found


_READERS: tuple[Callable[[str, Hints], Instrument | None], ...] = (
    _in_portal,
    _leg_on_future,
    _leg,
    _ordered,
    _underscored,
    _statement_line,
    _description,
)
