"""What one row of `positions` says. Pure.

A row has two quantities, `longQuantity` and `shortQuantity`, of which one is zero; an average price net of fees; a value,
negative when short; and the profit since the opening. It has neither price nor multiplier nor currency: its value less
its profit is its cost, and that over quantity and average price is the multiplier that Schwab itself counts with.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal

from variance_bridge import Caution, Holding, InstrumentType, Rejection, Side
from variance_bridge.money import difference, product, signed
from variance_bridge.rows import CLOSED, Closed, Members, RowRejected, holding, number
from variance_bridge.symbology import Deliverable, Instrument

SOURCE = "schwab"

_TYPES = {
    "equity": InstrumentType.STOCK,
    "collective_investment": InstrumentType.STOCK,
    "option": InstrumentType.OPTION,
    "mutual_fund": InstrumentType.FUND,
    "cash_equivalent": InstrumentType.FUND,
    "fixed_income": InstrumentType.BOND,
}
_PER_UNIT = frozenset({InstrumentType.STOCK, InstrumentType.FUND})
_OF_BONDS = tuple(map(Decimal, ("0.01", "0.1", "1", "10", "100")))
"""A price per 100 of a bond of 1,000, or of a quantity that is the face value."""

_STANDARD = Decimal(100)
_CENT = Decimal("0.01")
_OF_AVERAGE = Decimal("0.00005")
"""What an average price of four decimals may differ by."""

_DIVISION = Context(prec=28)
_MAX_DECIMALS_OF_MARK = 6


def is_sweep(row: Members) -> bool:
    """Whether the row is a sweep or money market fund."""
    return _type_word(row) == "cash_equivalent"


def is_of_unknown_type(row: Members) -> bool:
    """Whether the row may be anything, a sweep fund too."""
    return _type_word(row) not in _TYPES


def _type_word(row: Members) -> str:
    return (row.nested("instrument").word("assetType") or "").casefold()


def read_row(row: Members, *, counts_sweeps: bool = False) -> Holding | Closed:
    """The position, or `CLOSED`; `RowRejected` is raised for a row that is not understood.

    Args:
        row: of the list.
        counts_sweeps: whether the account's cash counts sweep funds too, so that they are flagged.
    """
    side, size = _quantity(row)
    if size == 0:
        return CLOSED
    listed = row.nested("instrument")
    kind = _kind(row)
    instrument = _instrument(listed, kind)
    if counts_sweeps and is_sweep(row):
        row.caution(Caution.COUNTED_IN_CASH)
    value = _value(row, side)
    average = row.average_price("averagePrice")
    multiplier = _multiplier(row, instrument, average, size, _cost(row, side, value))
    return holding(
        row,
        instrument,
        side,
        size,
        multiplier=multiplier,
        average_price=average,
        mark=_mark(value, size, multiplier),
        value=value,
        day_pl=row.number("currentDayProfitLoss"),
        broker_symbol=listed.word("symbol"),
        source=SOURCE,
    )


def _quantity(row: Members) -> tuple[Side, Decimal]:
    """Side and size. The quantity of the other side is zero or absent; a closed position states two zeros."""
    sizes = {
        side: row.quantity(name, signed=False)
        for side, name in ((Side.LONG, "longQuantity"), (Side.SHORT, "shortQuantity"))
        if not row.is_absent(name)
    }
    held = [side for side, size in sizes.items() if size != 0]
    if len(held) > 1:
        raise RowRejected(Rejection.TERMS_CONTRADICT)
    if not held and len(sizes) < len(Side):
        raise RowRejected(Rejection.QUANTITY_MISSING)
    side = held[0] if held else Side.LONG
    return side, sizes[side]


def _kind(row: Members) -> InstrumentType:
    """The type by its word. What has another word is kept as `other`, flagged."""
    listed = row.nested("instrument")
    kind = listed.instrument_type("assetType", _TYPES, may_be_new=True)
    is_trust = listed.word("type") == "UNIT_INVESTMENT_TRUST"
    return InstrumentType.FUND if is_trust and _type_word(row) == "collective_investment" else kind


def _instrument(listed: Members, kind: InstrumentType) -> Instrument:
    if kind is not InstrumentType.OPTION:
        return listed.instrument("symbol", kind)
    underlying = listed.word("underlyingSymbol")
    return listed.instrument(
        "symbol",
        kind,
        underlying=underlying.removeprefix("$") if underlying else None,
        option_type=listed.option_type("putCall"),
    )


def _value(row: Members, side: Side) -> Decimal | None:
    value = row.number("marketValue")
    if value is not None and value * side.sign < 0:
        row.caution(Caution.VALUE_CONTRADICTED)
        return None
    return value


def _cost(row: Members, side: Side, value: Decimal | None) -> Decimal | None:
    """What the position cost by its own value and profit; None where one of them is not stated."""
    profit = _stated(row, f"{side.value}OpenProfitLoss")
    if value is None or profit is None:
        return None
    return signed(side, difference(value, profit))


def _stated(row: Members, name: str) -> Decimal | None:
    """A number that is only evidence: unreadable, it proves nothing, and no more."""
    try:
        return number(row.get(name))
    except RowRejected:
        return None


def _multiplier(
    row: Members,
    instrument: Instrument,
    average: Decimal | None,
    size: Decimal,
    cost: Decimal | None,
) -> Decimal | None:
    """Money per 1.00 of price: 1 for shares, else what the row proves, else 100 for a standard option."""
    if instrument.type in _PER_UNIT:
        return Decimal(1)
    proved = None
    is_proof = cost is not None and average is not None and average > 0 and cost > 0
    if is_proof and average is not None and cost is not None:
        proved = _proved(instrument.type, product(average, size), size, cost)
    is_standard = (
        instrument.type is InstrumentType.OPTION and instrument.deliverable is Deliverable.STANDARD
    )
    if proved is None and is_standard and not is_proof:
        return _STANDARD
    if proved is None:
        row.caution(Caution.MULTIPLIER_UNKNOWN)
    return proved


def _proved(kind: InstrumentType, paid: Decimal, size: Decimal, cost: Decimal) -> Decimal | None:
    """The one multiplier with which average price and cost agree to the cent; None where several do, or none."""

    def fits(multiplier: Decimal) -> bool:
        slack = _CENT + product(_OF_AVERAGE, size, multiplier)
        return abs(difference(product(paid, multiplier), cost)) <= slack

    candidates: Iterable[Decimal]
    if kind is InstrumentType.BOND:
        candidates = _OF_BONDS
    elif kind is InstrumentType.OPTION:
        if fits(_STANDARD):
            # Of a price of a cent or less 99 would fit as well; no contract is for 99 shares.
            return _STANDARD
        nearest = _DIVISION.divide(cost, paid).to_integral_value()
        candidates = (nearest - 1, nearest, nearest + 1)
    else:
        return None
    fitting = [one for one in candidates if one > 0 and fits(one)]
    return fitting[0] if len(fitting) == 1 else None


def _mark(value: Decimal | None, size: Decimal, multiplier: Decimal | None) -> Decimal | None:
    """The price of a unit, where the value is a multiple of it to the last digit: no row has it."""
    if value is None or multiplier is None:
        return None
    units = product(size, multiplier)
    mark = _DIVISION.divide(abs(value), units).normalize(_DIVISION)
    exponent = mark.as_tuple().exponent
    is_exact = isinstance(exponent, int) and -exponent <= _MAX_DECIMALS_OF_MARK
    return mark if is_exact and product(mark, units) == abs(value) else None
