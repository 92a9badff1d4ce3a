"""From a row of the table to a position."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache

from msgspec import Struct, structs

from variance_bridge.minor_units import MoneyUnit, in_currency, is_comparable, money_unit
from variance_bridge.model import Caution, Greeks, Holding, Quote, Rejection, Side
from variance_bridge.symbology import Deliverable, InstrumentType, futures_product
from variance_bridge_csv.dialect_format.dialect_options import (
    Field,
    GreeksScope,
    MoneyRules,
    MultiplierSource,
    RowClass,
    RowRule,
)
from variance_bridge_csv.name_matching import plain
from variance_bridge_csv.row import money
from variance_bridge_csv.row.cell_values import CellFault
from variance_bridge_csv.row.columns import GREEKS, RowCells, RowRejected
from variance_bridge_csv.row.instrument import Identity, identify

MAX_QUANTITY = Decimal(10) ** 15

_SECTOR_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 &/,.()-]{0,47}")
_SPELLED = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")
_ONE = Decimal(1)
_NO_QUOTE, _NO_GREEKS = Quote(), Greeks()
_QUOTED = frozenset({Field.BID, Field.ASK, Field.MARK, Field.LAST, Field.UNDERLYING_PRICE})
_COST_EXPLAINED = frozenset(
    {Caution.COST_CONTRADICTED, Caution.COST_MEANINGLESS, Caution.MULTIPLIER_UNKNOWN}
)
# Shares, coins and funds are priced by the piece, whatever a dialect says of its multipliers.
_BY_THE_PIECE = {
    InstrumentType.STOCK: _ONE,
    InstrumentType.CRYPTO: _ONE,
    InstrumentType.FUND: _ONE,
}
# The standard lot of a US equity or index option (OCC).
_BY_TYPE = {**_BY_THE_PIECE, InstrumentType.OPTION: Decimal(100)}
_ON_FUTURES = frozenset({InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION})
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_MONEY_MARKET = RowClass.MONEY_MARKET
_FUND = InstrumentType.FUND
_BOND = InstrumentType.BOND
_FUTURE = InstrumentType.FUTURE
_LONG = Side.LONG
_SHORT = Side.SHORT
(
    _VALUE,
    _QUANTITY,
    _SIDE,
    _MULTIPLIER,
    _COST_TOTAL,
    _COST_PER_UNIT,
    _GAIN,
    _DAY_GAIN,
    _BID,
    _ASK,
    _MARK,
    _LAST,
    _UNDERLYING_PRICE,
    _CURRENCY,
    _OPEN_DATE,
    _SECTOR,
    _RATE_TO_BASE,
) = (
    Field.VALUE,
    Field.QUANTITY,
    Field.SIDE,
    Field.MULTIPLIER,
    Field.COST_TOTAL,
    Field.COST_PER_UNIT,
    Field.GAIN,
    Field.DAY_GAIN,
    Field.BID,
    Field.ASK,
    Field.MARK,
    Field.LAST,
    Field.UNDERLYING_PRICE,
    Field.CURRENCY,
    Field.OPEN_DATE,
    Field.SECTOR,
    Field.RATE_TO_BASE,
)
_FROM_COLUMN = MultiplierSource.COLUMN
_FROM_SYMBOL = MultiplierSource.SYMBOL
_FROM_PRODUCT = MultiplierSource.PRODUCT
_ADJUSTED = Deliverable.ADJUSTED


class CheckedHolding(Struct):
    """A position of the file, and what a reader should know of it. `holding` is None for a closed one.

    `stated_value` is its value as the file has it, which a total row adds up; `rate_to_base` what a unit of its currency is
    worth in the account's, where the file says so.
    """

    line: int
    holding: Holding | None
    cautions: tuple[Caution, ...] = ()
    check: money.CostCheck = money.CostCheck.IMPOSSIBLE
    sign_agrees: bool | None = None
    has_cost: bool = False
    stated_value: Decimal | None = None
    rate_to_base: Decimal | None = None


def read_position(row: RowCells, rule: RowRule, as_of: date) -> CheckedHolding:
    """The position in a row.

    Raises:
        RowRejected: it cannot be read.
    """
    is_money_market = rule.is_ is _MONEY_MARKET
    try:
        identity = identify(row, as_of, _FUND if is_money_market else rule.type)
    except RowRejected:
        if _is_closed(row):
            return CheckedHolding(row.row.line, None)
        raise
    try:
        return _read_identified(row, rule, identity, is_money_market=is_money_market)
    except RowRejected as rejection:
        rejection.instrument = identity.instrument
        raise


def _read_identified(
    row: RowCells, rule: RowRule, identity: Identity, *, is_money_market: bool
) -> CheckedHolding:
    quantity = _quantity(row, is_money_market=is_money_market)
    if not quantity:
        _refuse_worth_of_nothing(row)
        return CheckedHolding(row.row.line, None)
    side, size = (_LONG, quantity) if quantity > 0 else (_SHORT, quantity.copy_negate())
    rules = row.dialect.money
    found = row.amounts(*_fractions(identity))
    for field in rule.without:
        found.pop(field, None)
    multiplier = _multiplier(identity, row)
    if multiplier is not None and identity.instrument.type is _BOND:
        multiplier = _of_bond(multiplier, size, found, rules)
    amounts = _amounts(found, identity, side, size, multiplier, rules)
    if money.contradict_side(amounts, rules):
        what = "positive, and the value is that of a short position"
        raise RowRejected(Rejection.NUMBERS_CONTRADICT, _QUANTITY, what)
    earned = money.weigh(amounts, rules)
    if earned.value_shifted:
        raise RowRejected(Rejection.OUT_OF_RANGE, _VALUE, "far from quantity x price")
    holding = _holding(row, identity, amounts, earned, _greeks(row, found, amounts))
    return CheckedHolding(
        row.row.line,
        holding,
        _cautions(row, holding, identity, earned, cost_expected=not is_money_market),
        earned.check,
        earned.sign_agrees,
        earned.cost_basis is not None,
        amounts.value,
        _rate_to_base(row),
    )


def _rate_to_base(row: RowCells) -> Decimal | None:
    try:
        return row.number(_RATE_TO_BASE)
    except CellFault:
        return None


def _is_closed(row: RowCells) -> bool:
    """Whether the row is of a position of 0: then it does not matter what it would be in."""
    try:
        if row.number(_QUANTITY) != 0:
            return False
        _refuse_worth_of_nothing(row)
    except (CellFault, RowRejected):
        return False
    return True


def _refuse_worth_of_nothing(row: RowCells) -> None:
    """A closed position is worth nothing and costs nothing: a quantity of 0 beside money is wrong, or in the wrong column."""
    for field in (Field.VALUE, Field.COST_TOTAL):
        try:
            amount = row.number(field)
        except CellFault:
            continue
        if amount:
            what = "0, and there is a value or a cost"
            raise RowRejected(Rejection.NUMBERS_CONTRADICT, Field.QUANTITY, what)


def _quantity(row: RowCells, *, is_money_market: bool) -> Decimal:
    try:
        quantity = row.number(_QUANTITY)
        if quantity is None and is_money_market:
            # A money-market fund is priced at 1: its value is its quantity.
            quantity = row.number(_VALUE)
    except CellFault:
        raise RowRejected(Rejection.QUANTITY_UNREADABLE, _QUANTITY) from None
    if quantity is None:
        raise RowRejected(Rejection.QUANTITY_MISSING, _QUANTITY)
    if abs(quantity) > MAX_QUANTITY:
        raise RowRejected(Rejection.OUT_OF_RANGE, _QUANTITY)
    return _directed(quantity, row)


def _directed(quantity: Decimal, row: RowCells) -> Decimal:
    """The quantity with its sign, from the side column where the dialect has one."""
    words = row.columns.sides
    if not words or not row.has_column(_SIDE):
        return quantity
    word = row.text(_SIDE)
    if word is None:
        if quantity:
            raise RowRejected(Rejection.SIDE_MISSING, _SIDE)
        return quantity
    side = words.get(plain(word))
    if side is None:
        raise RowRejected(Rejection.SIDE_UNKNOWN, _SIDE)
    if side == "long" and quantity < 0:
        raise RowRejected(Rejection.TERMS_CONTRADICT, _SIDE)
    return -abs(quantity) if side == "short" else quantity


def _multiplier(identity: Identity, row: RowCells) -> Decimal | None:
    for source in row.dialect.multiplier.sources:
        found = _multiplier_from(source, identity, row)
        if found is not None:
            return found
    return _BY_THE_PIECE.get(identity.instrument.type)


def _of_bond(
    multiplier: Decimal, quantity: Decimal, found: Mapping[Field, Decimal], rules: MoneyRules
) -> Decimal:
    """The multiplier of a bond's price, which is for a face value of 100 or so: some brokers state 1 all the same."""
    by_face = money.quotient(multiplier, rules.bond_price_per)
    price, value = found.get(Field.MARK, found.get(Field.LAST)), found.get(Field.VALUE)
    if by_face is None:
        return multiplier
    if not price or not value:
        return by_face if multiplier == _ONE else multiplier
    worth = abs(money.exact_product(price, quantity, multiplier))
    off = abs(abs(value) - worth)
    off_by_face = abs(abs(value) - worth / rules.bond_price_per)
    return by_face if off_by_face < off else multiplier


def _multiplier_from(source: MultiplierSource, identity: Identity, row: RowCells) -> Decimal | None:
    instrument = identity.instrument
    if source is _FROM_COLUMN:
        try:
            stated = row.number(_MULTIPLIER)
        except CellFault:
            raise RowRejected(Rejection.MULTIPLIER_UNREADABLE, _MULTIPLIER) from None
        if stated is not None and stated <= 0:
            raise RowRejected(Rejection.MULTIPLIER_UNREADABLE, _MULTIPLIER)
        return stated
    if source is _FROM_SYMBOL:
        return identity.multiplier
    if source is _FROM_PRODUCT:
        if instrument.type not in _ON_FUTURES:
            return None
        product = futures_product(instrument.root)
        return None if product is None else product.multiplier
    if instrument.deliverable is _ADJUSTED:
        return None
    if instrument.type is _BOND:
        return money.quotient(_ONE, row.dialect.money.bond_price_per)
    return _BY_TYPE.get(instrument.type)


def _fractions(identity: Identity) -> tuple[int | None, int | None]:
    """Denominators of the fractions in which the position's price and its underlying's price may be written."""
    instrument = identity.instrument
    if instrument.type not in _ON_FUTURES:
        return None, None
    product = futures_product(instrument.root)
    if product is None:
        return None, None
    on_option = instrument.type is InstrumentType.FUTURE_OPTION
    return (product.option_fraction if on_option else product.fraction), product.fraction


def _amounts(
    found: Mapping[Field, Decimal],
    identity: Identity,
    side: Side,
    quantity: Decimal,
    multiplier: Decimal | None,
    rules: MoneyRules,
) -> money.Amounts:
    total, per_unit = found.get(_COST_TOTAL), found.get(_COST_PER_UNIT)
    gain = found.get(_GAIN)
    if rules.zero_cost_is_unknown and not (total or per_unit):
        total = per_unit = gain = None
    return money.Amounts(
        type=identity.instrument.type,
        side=side,
        quantity=quantity,
        multiplier=multiplier,
        quote=_quote(found),
        cost_total=total,
        cost_per_unit=per_unit,
        value=found.get(_VALUE),
        gain=gain,
        day_gain=found.get(_DAY_GAIN),
    )


def _quote(found: Mapping[Field, Decimal]) -> Quote:
    if _QUOTED.isdisjoint(found):
        return _NO_QUOTE
    return Quote(
        bid=found.get(_BID),
        ask=found.get(_ASK),
        mark=found.get(_MARK),
        last=found.get(_LAST),
        underlying_price=found.get(_UNDERLYING_PRICE),
    )


def _holding(
    row: RowCells,
    identity: Identity,
    amounts: money.Amounts,
    earned: money.Money,
    greeks: Greeks | None,
) -> Holding:
    instrument = identity.instrument
    quote = amounts.quote
    if earned.mark is not amounts.quote.mark:
        quote = structs.replace(amounts.quote, mark=earned.mark)
        if quote == _NO_QUOTE:
            quote = _NO_QUOTE
    spelled = identity.spelled
    unit = _unit(row)
    held = Holding(
        root=instrument.root,
        symbol=instrument.symbol,
        broker_symbol=spelled if spelled != instrument.symbol and _can_be_kept(spelled) else None,
        underlying=instrument.underlying,
        type=instrument.type,
        side=amounts.side,
        quantity=amounts.quantity,
        option_type=instrument.option_type,
        strike=instrument.strike,
        expiration=instrument.expiration,
        multiplier=amounts.multiplier,
        deliverable=instrument.deliverable,
        currency=None if unit.currency == row.dialect.account.currency else unit.currency,
        average_price=earned.average_price,
        cost_basis=earned.cost_basis,
        market_value=earned.market_value,
        unrealized_pl=earned.unrealized_pl,
        day_pl=earned.day_pl,
        opened_on=_opened_on(row),
        sector=_sector(row),
        quote=None if quote is _NO_QUOTE else quote,
        greeks=greeks,
    )
    if not unit.is_minor:
        return held
    if not is_comparable(held, unit):
        raise RowRejected(Rejection.TERMS_CONTRADICT, Field.CURRENCY)
    row.cautions.append((Caution.MINOR_UNIT, Field.CURRENCY))
    return in_currency(held, unit)


def _unit(row: RowCells) -> MoneyUnit:
    """What the row's money is counted in: the account's currency, which may be unknown, where the row says nothing."""
    text = row.text(_CURRENCY)
    if text is None:
        return MoneyUnit(row.dialect.account.currency)
    unit = money_unit(text)
    if unit.currency is None:
        raise RowRejected(Rejection.UNREADABLE_ROW, _CURRENCY)
    return unit


def _opened_on(row: RowCells) -> date | None:
    try:
        return row.day(_OPEN_DATE)
    except CellFault:
        row.cautions.append((Caution.DATE_UNREADABLE, _OPEN_DATE))
        return None


def _sector(row: RowCells) -> str | None:
    text = row.text(_SECTOR)
    return text if text is not None and _is_sector(text) else None


@lru_cache(maxsize=1024)
def _is_sector(text: str) -> bool:
    return _SECTOR_NAME.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _can_be_kept(symbol: str) -> bool:
    """Whether the broker's spelling of a symbol has a place in a document."""
    return _SPELLED.fullmatch(symbol) is not None


def _greeks(row: RowCells, found: Mapping[Field, Decimal], amounts: money.Amounts) -> Greeks | None:
    if row.columns.without_greeks:
        return None
    rules = row.dialect.greeks
    volatility = found.get(Field.IMPLIED_VOLATILITY)
    if volatility is not None and rules.implied_volatility_in_percent:
        volatility = money.quotient(volatility, Decimal(100))
    if rules.scope is GreeksScope.UNIT:
        found = _of_position(found, amounts)
    greeks = Greeks(
        delta=found.get(Field.DELTA),
        gamma=found.get(Field.GAMMA),
        theta=found.get(Field.THETA),
        vega=found.get(Field.VEGA),
        beta_delta=found.get(Field.BETA_DELTA),
        beta_gamma=found.get(Field.BETA_GAMMA),
        implied_volatility=volatility,
    )
    return greeks if greeks != _NO_GREEKS else None


def _of_position(found: Mapping[Field, Decimal], amounts: money.Amounts) -> Mapping[Field, Decimal]:
    """The greeks of the whole position, from those of one unit held long; none without a multiplier."""
    if amounts.multiplier is None:
        return {}
    factors = amounts.quantity, amounts.multiplier, Decimal(amounts.side.sign)
    scaled = ((field, money.product(found[field], *factors)) for field in GREEKS & found.keys())
    return {field: value for field, value in scaled if value is not None}


def _cautions(
    row: RowCells,
    holding: Holding,
    identity: Identity,
    earned: money.Money,
    *,
    cost_expected: bool,
) -> tuple[Caution, ...]:
    found = [caution for caution, _field in row.cautions]
    instrument = identity.instrument
    if holding.multiplier is None:
        found.append(Caution.MULTIPLIER_UNKNOWN)
    if instrument.deliverable is _ADJUSTED:
        found.append(Caution.ADJUSTED_DELIVERABLE)
    series = instrument.contract_month if instrument.type is _FUTURE else instrument.contract
    if instrument.type in _ON_FUTURES and series is None:
        found.append(Caution.SERIES_UNKNOWN)
    found += earned.cautions
    has_column = row.has_column(_COST_TOTAL) or row.has_column(_COST_PER_UNIT)
    if (
        cost_expected
        and has_column
        and holding.cost_basis is None
        and _COST_EXPLAINED.isdisjoint(found)
    ):
        found.append(Caution.COST_UNKNOWN)
    return tuple(dict.fromkeys(found)) if found else ()
