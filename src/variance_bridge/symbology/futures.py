"""Futures: `/` + product + month code + year of one, two or four digits.

The decade rule for one-digit years: the contract month is the first with that digit that is not before
the month preceding `as_of` (brokers still list what has just expired; exchanges list nothing ten years
ahead while its namesake lives). With an expiration date at hand, it is the contract month nearest to
that date. docs/symbology.md has the sources of the rule.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from msgspec import Struct, structs

from variance_bridge.symbology import tables
from variance_bridge.symbology.instrument import Instrument, InstrumentType, SymbolError
from variance_bridge.symbology.symbol_text import (
    MONTH_CODES,
    Hints,
    agreed_expiration,
    day,
    month_number,
)

_EXCHANGE = re.compile(r":[A-Z]{2,8}$")
_CODE = re.compile(rf"([A-Z0-9]{{1,4}})([{MONTH_CODES}])(20[0-9]{{2}}|[0-9]{{1,2}})")
_NAMED_MONTH = re.compile(r"([A-Z0-9]{1,4}) +([A-Z]{3}) *'?(20[0-9]{2}|[0-9]{2})")
_NUMBERED_MONTH = re.compile(r"([A-Z0-9]{1,4}) (0[1-9]|1[0-2])-([0-9]{2})")
"""`ES 12-26`: month and year of a product that is known."""
_WORKSTATION_NAME = re.compile(
    r"([A-Z0-9]{1,4}) ([A-Z]{3})([0-9]{1,2})?'([0-9]{2})(?: @[A-Z]{2,8})?"
)
"""`ES Sep'25 @CME` by its month, `ES Sep19'25 @CME` by the day on which it expires; of a product that is known."""
_DATED = re.compile(r"([A-Z0-9]{2,4}) +(20[0-9]{2})([0-9]{2})([0-9]{2})(?: [A-Z])?")
"""A contract at Eurex, which expires in its month, and its cycle: `FDAX 20250919 M`."""
_PREVIOUS_NAME = re.compile(r"(.*)\(PREV\. /([A-Z0-9]{2,9})\)")
_CHART_NAME = re.compile(rf"([A-Z0-9]{{1,4}}[{MONTH_CODES}][0-9]{{2}})\.([A-Z]{{3}})")
_CHART_EXCHANGES = {"CME": "XCME", "CBT": "XCBT", "NYM": "XNYM", "CMX": "XCEC", "NYB": "IFUS"}
_MONTHS_APART = 12
"""Futures expire within a few months of the month in their code: Brent two before it, SOFR three after it."""
_MONTHS_FROM_ITS_MONTH = 3
"""As far as a contract's expiration is from the month that it is named after: SOFR's."""
_DESCRIBED_MONTH = re.compile(r"\b([A-Z]{3})-(20[0-9]{2}|[0-9]{2})\b")


class ContractCode(Struct, frozen=True):
    """Product, month and year of a contract code such as `ESZ5`, `EX3H6`, `VX01F6`."""

    product: str
    """Without slash and week number."""
    week: str
    """`01` of the weekly `VX01F6`, else empty."""
    month: int
    year_digits: str

    def month_in(self, hints: Hints) -> str | None:
        """`YYYY-MM`, where the decade is known from the digits or the hints."""
        year = self.year_in(hints)
        return None if year is None else f"{year:04d}-{self.month:02d}"

    def year_in(self, hints: Hints) -> int | None:
        """The year in full, or None for a single digit without a day to resolve it.

        Raises `SymbolError` where the year is written in full and the expiration lies in another decade.
        """
        if hints.expires_on is not None:
            if self.months_after(hints.expires_on) is None:
                raise SymbolError("the contract's year and its expiration are years apart")
            return _nearest_year(int(self.year_digits[-1]), self.month, hints.expires_on)
        if self._year_in_full is not None:
            return self._year_in_full
        if hints.as_of is not None:
            return _first_year(int(self.year_digits), self.month, hints.as_of)
        return None

    def months_after(self, expiration: date) -> int | None:
        """Months from the expiration's to the contract's, negative where the contract's is earlier.

        None where the year is written in full and is not the one with its last digit that lies nearest.
        """
        nearest = _nearest_year(int(self.year_digits[-1]), self.month, expiration)
        if self._year_in_full not in (None, nearest):
            return None
        return _months(nearest, self.month) - _months(expiration.year, expiration.month)

    @property
    def _year_in_full(self) -> int | None:
        return 2000 + int(self.year_digits[-2:]) if len(self.year_digits) > 1 else None

    def written(self, *, two_digits: bool = False) -> str:
        """The code with one year digit, or with two where they are known and wanted."""
        year = self.year_digits[-2:] if two_digits else self.year_digits[-1]
        return f"{self.product}{self.week}{MONTH_CODES[self.month - 1]}{year}"


def _months(year: int, month: int) -> int:
    return year * 12 + month - 1


def _first_year(digit: int, month: int, as_of: date) -> int:
    earliest = _months(as_of.year, as_of.month) - 1
    decade = as_of.year // 10 * 10 - 10
    return next(
        year for year in range(decade + digit, decade + 40, 10) if _months(year, month) >= earliest
    )


@lru_cache(maxsize=1024)
def _nearest_year(digit: int, month: int, expires_on: date) -> int:
    expiry = _months(expires_on.year, expires_on.month)
    decade = expires_on.year // 10 * 10
    return min(
        (decade + digit + step for step in (10, 0, -10)),
        key=lambda year: abs(_months(year, month) - expiry),
    )


def contract_expiring(root: str, expiration: date) -> str | None:
    """The contract of a product that expires on a day (`/MESH7`); None where that day does not tell it."""
    product = tables.futures_product(root)
    if product is None or not product.expires_in_its_month:
        return None
    year = f"{expiration.year % 100:02d}"
    code = MONTH_CODES[expiration.month - 1]
    return f"{product.root}{code}{year if product.two_digit_year else year[-1]}"


def future_may_expire(root: str, contract_month: str, expiration: date) -> bool:
    """Whether a contract of a product can expire on a day.

    Args:
        root: `/MES`.
        contract_month: `YYYY-MM`.
        expiration: the last day of trading, or the day from which it is delivered.
    """
    year, month = map(int, contract_month.split("-"))
    apart = abs(_months(year, month) - _months(expiration.year, expiration.month))
    product = tables.futures_product(root)
    in_its_month = product is not None and product.expires_in_its_month
    return apart <= (0 if in_its_month else _MONTHS_FROM_ITS_MONTH)


@lru_cache(maxsize=1024)
def read_code(code: str) -> ContractCode | None:
    """A contract code without slash and exchange, or None. One-letter products must be listed."""
    match = _CODE.fullmatch(code)
    if match is None:
        return None
    product, week = match[1], ""
    if len(product) > 3 and product[-2:].isdigit() and _is_weekly(product[:-2]):
        product, week = product[:-2], product[-2:]
        if not 1 <= int(week) <= 53:
            return None
    if product.isdigit() or _is_no_product(product):
        return None
    return ContractCode(product, week, MONTH_CODES.index(match[2]) + 1, match[3])


def _is_no_product(product: str) -> bool:
    """Whether a word in no table is too short for a product, or is itself a contract: `ESZ2` of `ESZ2U25`."""
    if tables.product_of_series(product) is not None:
        return False
    inner = _CODE.fullmatch(product)
    return len(product) == 1 or (inner is not None and tables.futures_product(inner[1]) is not None)


def _is_weekly(product: str) -> bool:
    known = tables.futures_product(product)
    return known is not None and known.weekly


def parse_future(text: str, hints: Hints) -> Instrument:
    """A future with slash (or `./`, `@`, `=F` behind it), or without where its type is known."""
    found = (
        parse_previous_name(text, hints)
        or parse_chart_name(text, hints)
        or parse_numbered_month(text, hints)
        or parse_workstation_name(text, hints)
    )
    if found is not None:
        return found
    body = _EXCHANGE.sub("", text).removesuffix("=F")
    named = _NAMED_MONTH.fullmatch(body.lstrip("./@"))
    dated = _DATED.fullmatch(body)
    if dated:
        code, hints = _dated_contract(dated, hints)
    elif named and (number := month_number(named[2])):
        code = f"{named[1]}{MONTH_CODES[number - 1]}{named[3]}"
    else:
        code = body.removeprefix(".").removeprefix("/").removeprefix("@").replace(" ", "")
    product = tables.futures_product(code)
    if product is not None:
        return Instrument(
            InstrumentType.FUTURE, product.root, product.root, product.root, hints.expires_on
        )
    contract = read_code(code)
    if contract is None:
        raise SymbolError(
            "not a futures contract: a product, a month code and a year",
            len(text) - len(body.lstrip("./@")),
        )
    return future(contract, hints)


def _dated_contract(match: re.Match[str], hints: Hints) -> tuple[str, Hints]:
    """The contract code of a symbol that has the day of expiration in it, and the hints with that day."""
    expires_on = agreed_expiration(
        day(int(match[2]), int(match[3]), int(match[4]), match.start(2)), hints, match.start(2)
    )
    code = f"{match[1]}{MONTH_CODES[expires_on.month - 1]}{match[2]}"
    return code, structs.replace(hints, expires_on=expires_on)


def future(contract: ContractCode, hints: Hints) -> Instrument:
    """A future from its contract code."""
    root = f"/{contract.product}"
    month = contract.month_in(hints)
    if hints.expires_on is not None:
        distance = contract.months_after(hints.expires_on)
        if distance is None or abs(distance) >= _MONTHS_APART:
            raise SymbolError("the contract's month and its expiration are a year or more apart")
    return Instrument(
        InstrumentType.FUTURE,
        root,
        root,
        future_symbol(contract),
        hints.expires_on,
        contract_month=month,
    )


def future_symbol(contract: ContractCode) -> str:
    """`/ESZ5`; two year digits where the product is written so and they are known (`/VXX22`)."""
    product = tables.futures_product(contract.product)
    return f"/{contract.written(two_digits=product is not None and product.two_digit_year)}"


def parse_previous_name(text: str, hints: Hints) -> Instrument | None:
    """A description with the symbol last: `Micro E-mini S&P 500, Mar-22 (prev. /MESH2)`."""
    match = _PREVIOUS_NAME.fullmatch(text)
    if match is None:
        return None
    contract = read_code(match[2])
    if contract is None:
        raise SymbolError("not a futures contract", match.start(2))
    named = _DESCRIBED_MONTH.search(match[1])
    if named is None:
        return future(contract, hints)
    if month_number(named[1]) != contract.month or named[2][-1] != contract.year_digits[-1]:
        raise SymbolError("the month in the description is not the contract's", named.start())
    return future(structs.replace(contract, year_digits=named[2][-2:]), hints)


def parse_chart_name(text: str, hints: Hints) -> Instrument | None:
    """`ESZ25.CME`: a contract with its exchange, as chart pages name it; None for other suffixes."""
    match = _CHART_NAME.fullmatch(text)
    exchange = None if match is None else _CHART_EXCHANGES.get(match[2])
    contract = None if match is None or exchange is None else read_code(match[1])
    if match is None or contract is None:
        return None
    product = tables.futures_product(contract.product)
    if product is not None and product.exchange != exchange:
        raise SymbolError("not the exchange of the contract", match.start(2))
    return future(contract, hints)


def parse_numbered_month(text: str, hints: Hints) -> Instrument | None:
    """`ES 12-26`: a product that is known, month and year; None for any other text."""
    match = _NUMBERED_MONTH.fullmatch(text)
    if match is None or tables.futures_product(match[1]) is None:
        return None
    contract = read_code(f"{match[1]}{MONTH_CODES[int(match[2]) - 1]}{match[3]}")
    return None if contract is None else future(contract, hints)


def parse_workstation_name(text: str, hints: Hints) -> Instrument | None:
    """`ES Sep'25 @CME`, `ES Sep19'25 @CME`; None for any other text.

    By its day the contract is only known where the product expires in its month: of others only the product is.
    """
    match = _WORKSTATION_NAME.fullmatch(text)
    product = None if match is None else tables.futures_product(match[1])
    month = None if match is None else month_number(match[2])
    if match is None or product is None or month is None:
        return None
    if match[3] is None:
        contract = read_code(f"{match[1]}{MONTH_CODES[month - 1]}{match[4]}")
        return None if contract is None else future(contract, hints)
    expires_on = agreed_expiration(
        day(2000 + int(match[4]), month, int(match[3]), match.start(2)), hints, match.start(2)
    )
    hints = structs.replace(hints, expires_on=expires_on)
    return parse_future(contract_expiring(product.root, expires_on) or product.root, hints)


def looks_like_contract(text: str) -> bool:
    """Whether a bare text could be a contract of a known product, its slash forgotten."""
    contract = read_code(text)
    return contract is not None and tables.futures_product(contract.product) is not None
