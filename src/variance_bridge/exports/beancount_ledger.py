"""The format `beancount`: a ledger of what is held, with balances to compare with and prices.

Syntax: beancount.github.io/docs/beancount_language_syntax.html. A balance holds at the beginning of its day, so the state of a day
is asserted on the next one; `pad` supplies what is held, so that `bean-check` accepts the file by itself.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Container, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal

from variance_bridge.document.convert import instant_text
from variance_bridge.document.exact_json import plain
from variance_bridge.model import Holding, Portfolio
from variance_bridge.money import product, quotient, signed, total
from variance_bridge.symbology import InstrumentType
from variance_bridge.trading_hours import exchange_date

_NOT_IN_COMMODITY = re.compile(r"[^A-Z0-9'._-]+")
_NOT_IN_ACCOUNT = re.compile(r"[^A-Za-z0-9]+")
_CURRENCY = re.compile(r"[A-Z]{3}")
_WORDS = frozenset({"TRUE", "FALSE", "NULL"})
"""What beancount's lexer does not take for the name of a commodity (parser/lexer.l)."""
_OPENING = "Equity:Opening-Balances"
_DAY = timedelta(days=1)
_DIGITS = 28
"""With how many digits beancount computes: the default of Python's decimal module."""


def export(portfolios: Sequence[Portfolio]) -> bytes:
    """One ledger of all accounts: `open`, `pad`, `balance`, `commodity` and `price` directives.

    Units are shares, contracts and coins, negative for a short position. A price is the money for one unit: the mark
    times the multiplier. Futures have none, because holding one ties up no money.
    """
    names = Commodities(portfolios)
    blocks = [_heading(portfolios)]
    days = [exchange_date(each.meta.fetched_at) for each in portfolios]
    if days:
        blocks.append(f"{min(days)} open {_OPENING}\n")
        blocks.append("".join(names.directives(min(days))))
    accounts = zip(portfolios, _places(portfolios), strict=True)
    blocks += ["".join(_account(each, place, names)) for each, place in accounts]
    blocks.append("".join(_prices(portfolios, names)))
    return "\n".join(filter(None, blocks)).encode("utf-8")


class Commodities:
    """The name of each symbol in the ledger, unlike that of any other symbol and of any currency."""

    def __init__(self, portfolios: Sequence[Portfolio]) -> None:
        taken = {currency for each in portfolios for currency in _currencies(each)} | _WORDS
        self._names: dict[tuple[str, InstrumentType], str] = {}
        for portfolio in portfolios:
            for holding in portfolio.positions:
                key = holding.symbol, holding.type
                if key not in self._names and not _is_currency(holding):
                    self._names[key] = _free(_commodity(holding), holding.type, taken)
                    taken.add(self._names[key])

    def name(self, holding: Holding) -> str:
        """What the ledger calls a position's symbol; money is its currency."""
        return self._names.get((holding.symbol, holding.type), holding.symbol)

    def directives(self, day: date) -> Iterator[str]:
        """A `commodity` directive for each, with the symbol as the document has it."""
        for (symbol, _type), name in sorted(self._names.items()):
            quoted = symbol.replace("\\", "\\\\").replace('"', '\\"')
            yield f'{day} commodity {name}\n  symbol: "{quoted}"\n'


def _currencies(portfolio: Portfolio) -> Iterator[str]:
    meta, balances = portfolio.meta, portfolio.balances
    stated = (meta.currency, balances and balances.currency)
    yield from (each for each in stated if each)
    for holding in portfolio.positions:
        if holding.currency:
            yield holding.currency
        if _is_currency(holding):
            yield holding.symbol


def _is_currency(holding: Holding) -> bool:
    return holding.type is InstrumentType.CASH and bool(_CURRENCY.fullmatch(holding.symbol))


def _commodity(holding: Holding) -> str:
    """Capital letters, digits and `'._-`, from a letter to a letter or digit (`SPY231215P00450000`, `ESZ5-EW3Z5-251219P6000`)."""
    joined = "" if holding.type is InstrumentType.OPTION else "-"
    name = _NOT_IN_COMMODITY.sub(joined, holding.symbol).strip("'._-") or "X"
    return name if name[0].isalpha() else f"X{name}"


def _free(name: str, kind: InstrumentType, taken: set[str]) -> str:
    candidates = (name, f"{name}-{kind.value.upper().replace('_', '-')}")
    for candidate in candidates:
        if candidate not in taken:
            return candidate
    return _unlike(name, taken)


def _unlike(name: str, taken: Container[str]) -> str:
    """The name itself, or with the first number that makes it another."""
    numbered = (f"{name}-{number}" for number in itertools.count(2))
    return next(each for each in itertools.chain([name], numbered) if each not in taken)


def _heading(portfolios: Sequence[Portfolio]) -> str:
    sources = (
        f";   {each.meta.source} {each.meta.account_hash or '(no account)'}"
        f" as of {instant_text(each.meta.fetched_at)}\n"
        for each in portfolios
    )
    return f"; What is held, written by Variance Bridge.\n{''.join(sources)}"


def _places(portfolios: Sequence[Portfolio]) -> list[str]:
    """Where each portfolio is: `Assets:Source:HASH`. Accounts that are not named are numbered: `Unknown`, `Unknown-2`."""
    taken: list[str] = []
    for portfolio in portfolios:
        source = _component(portfolio.meta.source)
        number = _component((portfolio.meta.account_hash or "unknown").strip("*"))
        taken.append(_unlike(f"Assets:{source}:{number}", taken))
    return taken


def _account(portfolio: Portfolio, place: str, names: Commodities) -> Iterator[str]:
    """The accounts of one portfolio: `...:Cash` and `...:Positions` at its place, each opened, padded and asserted."""
    day = exchange_date(portfolio.meta.fetched_at)
    if portfolio.balances is not None:
        cash = {portfolio.balances.currency: portfolio.balances.cash}
        yield from _asserted(f"{place}:Cash", day, cash)
    units: dict[str, Decimal] = {}
    for holding in portfolio.positions:
        name = names.name(holding)
        units[name] = total(units.get(name, Decimal(0)), signed(holding.side, holding.quantity))
    if units:
        yield from _asserted(f"{place}:Positions", day, units)


def _component(text: str) -> str:
    words = _NOT_IN_ACCOUNT.sub("-", text).strip("-")
    return words[0].upper() + words[1:]


def _asserted(account: str, day: date, amounts: dict[str, Decimal]) -> Iterator[str]:
    yield f"{day} open {account}\n"
    if any(amounts.values()):  # a pad that supplies nothing is an error
        yield f"{day} pad {account} {_OPENING}\n"
    for name, amount in amounts.items():
        yield f"{day + _DAY} balance {account}  {plain(amount)}{_tolerance(amount)} {name}\n"


def _tolerance(amount: Decimal) -> str:
    """Empty, or ` ~ 0.01` where beancount's own tolerance, one unit of the last digit, would not do."""
    _sign, digits, exponent = Decimal(plain(amount)).as_tuple()
    if len(digits) > _DIGITS:  # the pad is rounded: allow one unit of its last digit
        return f" ~ {plain(Decimal((0, (1,), amount.adjusted() - _DIGITS + 1)))}"
    if digits == (1,) and isinstance(exponent, int) and exponent < 0:
        return " ~ 0"  # nothing would pass for all of it, and the pad would go unused
    return ""


def _prices(portfolios: Sequence[Portfolio], names: Commodities) -> Iterator[str]:
    """A price for each commodity, currency and day, once."""
    found: dict[tuple[date, str, str], Decimal] = {}
    for portfolio in portfolios:
        day = exchange_date(portfolio.meta.fetched_at)
        for holding in portfolio.positions:
            currency, price = holding.currency or portfolio.currency, _price(holding)
            if currency is not None and price is not None and names.name(holding) != currency:
                found.setdefault((day, names.name(holding), currency), price)
    for (day, name, currency), price in sorted(found.items()):
        yield f"{day} price {name}  {plain(price)} {currency}\n"


def _price(holding: Holding) -> Decimal | None:
    """The money for one unit; None where it is unknown, or could not be stated exactly."""
    if holding.type in {InstrumentType.FUTURE, InstrumentType.CASH}:
        return None
    mark = holding.quote.mark if holding.quote else None
    if mark is not None and holding.multiplier is not None:
        return product(mark, holding.multiplier)
    if holding.market_value is None:
        return None
    units = signed(holding.side, holding.quantity)
    price = quotient(holding.market_value, units, digits=100)
    return price if product(price, units) == holding.market_value else None
