"""Futures options: future and series in 6 columns each, `YYMMDD`, `C` or `P`, plain strike.

Two shorter forms stand for what a source leaves out; both parse back to themselves:

- without the series (`./6AH6 260206C0.68`), where a file has the terms in columns of their own;
- without the future (`./EX3H26P6450`), as data feeds and some platforms name it.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from msgspec import structs

from variance_bridge.symbology import tables
from variance_bridge.symbology.equity_options import RIGHTS, strike_of
from variance_bridge.symbology.futures import ContractCode, future_symbol, read_code
from variance_bridge.symbology.instrument import Instrument, InstrumentType, OptionType, SymbolError
from variance_bridge.symbology.symbol_text import (
    NO_HINTS,
    Hints,
    agreed_expiration,
    clean,
    compact_day,
    plain,
    six_digits,
)

_STRIKE = r"(-?(?:[0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9}))"
_DATED = re.compile(rf"([A-Z0-9]+?)([0-9]{{6}})([CP]){_STRIKE}")
_UNDATED = re.compile(rf"([A-Z0-9]+?)([CP]){_STRIKE}")
_JOINED = re.compile(rf"([A-Z0-9]+)_([A-Z0-9]+)_([CP]){_STRIKE}")
_EARLIEST_FUTURE = -3
"""Months: a SOFR future bears the name of the month in which its quarter begins."""
_OTHER_FUTURE = "the future in the symbol is not the underlying that came with it"
_EXCHANGE = re.compile(r":[A-Z]{2,8}$")
_SCALED = re.compile(r"[A-Z0-9]{3,8} +[CP] ?[0-9]+")


def parse_future_option(text: str, hints: Hints) -> Instrument | None:
    """A futures option in fixed width, in any spacing, or in a short form; None for other texts."""
    body = _EXCHANGE.sub("", text).removeprefix(".").removeprefix("/")
    compact = body.replace(" ", "")
    dated = _DATED.fullmatch(compact)
    if dated is not None:
        offset = len(text) - len(body)
        expiration = compact_day(dated[2], offset)
        future, series = _split(body, dated[1], expiration, hints, offset)
        strike = _strike(dated[4], future.product)
        return _dated_option(future, series, expiration, RIGHTS[dated[3]], strike, hints)
    joined = _JOINED.fullmatch(body)
    if joined is not None:
        return _joined_option(joined, hints)
    undated = _UNDATED.fullmatch(body) if body != text else None
    if undated is not None and (series_code := read_code(undated[1])) is not None:
        return series_option(series_code, RIGHTS[undated[2]], undated[3], hints)
    refuse_scaled_strike(text)
    return None


def refuse_scaled_strike(text: str) -> None:
    """`LOZ6 C7500` is 75.00, `CHUF6 C1290` is 1.290: the scale stands elsewhere in the file."""
    body = text.removeprefix(".").removeprefix("/")
    if _SCALED.fullmatch(body) and read_code(body.split()[0]) is not None:
        raise SymbolError(
            "a scaled strike: it needs the contract's description, which has the real one"
        )


def _joined_option(match: re.Match[str], hints: Hints) -> Instrument:
    """`/6EM21_EUUM21_C1.22`: future, series, right and strike; the day must come with it, or stays unknown."""
    future, series = read_code(match[1]), read_code(match[2])
    if future is None or series is None:
        raise SymbolError("not a future and the contract of an option on it")
    given = underlying_future(hints)
    if given is not None and not _same_contract(given, future):
        raise SymbolError(_OTHER_FUTURE)
    known = structs.replace(
        hints, underlying=f"/{future.product}{future.written()[-2]}{future.year_digits}"
    )
    return series_option(series, RIGHTS[match[3]], match[4], known)


def _strike(value: Decimal | int | str, product: str | None) -> Decimal:
    """A strike in quote units. Only few products have strikes of zero and below: the table marks them.

    Raises `SymbolError` for what is not a strike of the product.
    """
    text = value
    if type(value) is int or (isinstance(value, Decimal) and value.is_finite()):
        text = format(Decimal(value), "f")
    sign = -1 if isinstance(text, str) and text.startswith("-") else 1
    strike = strike_of(text.removeprefix("-") if isinstance(text, str) else text)
    if strike > 0 and sign > 0:
        return strike
    known = None if product is None else tables.futures_product(product)
    if known is None or not known.strikes_below_zero:
        raise SymbolError("a strike of 0" if not strike else "a strike below 0")
    return strike.copy_negate() if strike else strike


def _split(
    body: str, head: str, expiration: date, hints: Hints, offset: int
) -> tuple[ContractCode, ContractCode | None]:
    """Future and series before the date: by columns, by blanks, or by what the tables allow.

    Where nothing parts the two, a reading whose years do not fit the expiration is none:
    `6EM61EUM6` of 2026 is `6EM6` and `1EUM6`, not the year 61.
    """
    columns = body[:5].rstrip(" "), body[5:11].rstrip(" ")
    first = body.split(" ", 1)[0]
    parted = len(first) < len(head)
    found = _pair(*columns) if "".join(columns) == head else None
    if found is not None and (parted or _years_fit(found, expiration)):
        return found
    if parted and (found := _pair(first, head[len(first) :].removeprefix("/"))):
        return found
    alone = read_code(head)
    splits = [pair for cut in range(2, len(head) - 2) if (pair := _pair(head[:cut], head[cut:]))]
    if alone is not None and tables.futures_product(alone.product) is not None:
        return alone, None
    best = _only_likely([pair for pair in splits if _may_be(pair, expiration)] or splits, hints)
    if best is not None:
        return best
    if alone is not None and not splits and first == head:
        return alone, None
    reason = (
        "several readings of future and series"
        if splits
        else "no futures contract before the expiration"
    )
    raise SymbolError(reason, offset)


def _years_fit(pair: tuple[ContractCode, ContractCode | None], expiration: date) -> bool:
    """Whether no year that is written in full lies in another decade than the expiration."""
    return all(code is None or code.months_after(expiration) is not None for code in pair)


def _may_be(pair: tuple[ContractCode, ContractCode | None], expiration: date) -> bool:
    """Whether the years fit and the future lives on after its option, but for its month's name."""
    distance = pair[0].months_after(expiration)
    return distance is not None and distance >= _EARLIEST_FUTURE and _years_fit(pair, expiration)


def _pair(future: str, series: str) -> tuple[ContractCode, ContractCode | None] | None:
    """Both codes, where both can be read."""
    future_code, series_code = read_code(future), read_code(series)
    return None if future_code is None or series_code is None else (future_code, series_code)


def _only_likely(
    splits: list[tuple[ContractCode, ContractCode | None]], hints: Hints
) -> tuple[ContractCode, ContractCode | None] | None:
    """The one split whose future is the caller's, or owns the series, or at least is listed."""
    for likely in (
        lambda future, _: future_symbol(future) == hints.underlying,
        lambda future, series: _owner(series.product) == future.product,
        lambda future, _: tables.futures_product(future.product) is not None,
        lambda *_: True,
    ):
        chosen = [pair for pair in splits if likely(*pair)]
        if len(chosen) == 1:
            return chosen[0]
        if chosen:
            splits = chosen
    return None


def _owner(series_root: str) -> str | None:
    product = tables.product_of_series(series_root)
    return None if product is None else product.root.removeprefix("/")


def _dated_option(
    future: ContractCode,
    series: ContractCode | None,
    expiration: date,
    right: OptionType,
    strike: Decimal,
    hints: Hints,
) -> Instrument:
    agreed_expiration(expiration, hints)
    given = underlying_future(hints)
    if given is not None and not _same_contract(given, future):
        raise SymbolError(_OTHER_FUTURE)
    dated = structs.replace(hints, expires_on=expiration)
    month = future.month_in(dated)
    underlying = future_symbol(future)
    contract = None if series is None else series.written()
    return Instrument(
        InstrumentType.FUTURE_OPTION,
        f"/{future.product}",
        underlying,
        _symbol(underlying, contract, expiration, right, strike),
        expiration,
        strike,
        right,
        contract,
        contract_month=month if series is None else series.month_in(dated),
    )


def series_option(
    series: ContractCode, right: OptionType, strike: Decimal | str, hints: Hints
) -> Instrument:
    """An option named by its series: in full where the hints give future and expiration."""
    if len(series.year_digits) == 1:
        raise SymbolError(
            "a series with one year digit and no expiration: nothing tells its decade"
        )
    future = underlying_future(hints)
    if future is not None and hints.expires_on is not None:
        exact = _strike(strike, future.product)
        return _dated_option(future, series, hints.expires_on, right, exact, hints)
    product = None if future is None else future.product
    product = product or _bare_product(hints) or _owner(series.product)
    if product is None:
        raise SymbolError("a series that is in no table: its underlying must come with it")
    exact = _strike(strike, product)
    return Instrument(
        InstrumentType.FUTURE_OPTION,
        f"/{product}",
        None if future is None else future_symbol(future),
        f"./{series.written(two_digits=True)}{right[0].upper()}{plain(exact)}",
        hints.expires_on,
        exact,
        right,
        series.written(),
        contract_month=series.month_in(hints),
    )


def underlying_future(hints: Hints) -> ContractCode | None:
    """The contract that the caller names as underlying; None for none and for a bare product."""
    if hints.underlying is None or _bare_product(hints) is not None:
        return None
    code = _EXCHANGE.sub("", hints.underlying).removeprefix(".").removeprefix("/").replace(" ", "")
    contract = read_code(code)
    if contract is None:
        raise SymbolError("the underlying that came with it is not a futures contract")
    return contract


def _bare_product(hints: Hints) -> str | None:
    code = (hints.underlying or "").removeprefix("/")
    return code if code and tables.futures_product(code) is not None else None


def _same_contract(one: ContractCode, other: ContractCode) -> bool:
    """Whether two codes can name one contract: years are compared by the digits that both have."""
    digits = min(len(one.year_digits), len(other.year_digits), 2)
    return (one.product, one.week, one.month, one.year_digits[-digits:]) == (
        other.product,
        other.week,
        other.month,
        other.year_digits[-digits:],
    )


_COLUMNS = 6
"""What a future and a series have; futures too long for it (`/QBTCZ5`) keep a blank behind them."""


def _symbol(
    future: str, series: str | None, expiration: date, right: OptionType, strike: Decimal
) -> str:
    if series is None:
        names = f".{future} "
    elif len(future) <= _COLUMNS:
        names = f".{future:<6}{series:<6}"
    else:
        names = f".{future} {series:<6}"
    return f"{names}{six_digits(expiration)}{right[0].upper()}{plain(strike)}"


def future_option_symbol(
    future: str,
    expiration: date,
    option_type: OptionType | str,
    strike: Decimal | int | str,
    contract: str | None = None,
) -> str:
    """The canonical symbol of a futures option from its terms.

    `future` is the underlying contract in any spelling (`/6AH6`, `/ESZ25`, `CLZ6`), `contract` the
    series with its month and year (`EX3H6`); without it the short form is written:
    `./6AH6 260206C0.68`. `strike` is in quote units, as traded, never scaled. Raises `SymbolError`.
    """
    code = underlying_future(structs.replace(NO_HINTS, underlying=clean(future)))
    series = None if contract is None else read_code(clean(contract))
    right = RIGHTS.get(str(option_type).upper())
    exact = _strike(strike, None if code is None else code.product)
    if code is None:
        raise SymbolError("a product without month and year: the underlying must be a contract")
    if contract is not None and series is None:
        raise SymbolError("not the contract of a futures option")
    if right is None:
        raise SymbolError("neither a call nor a put")
    return _symbol(
        future_symbol(code), None if series is None else series.written(), expiration, right, exact
    )
