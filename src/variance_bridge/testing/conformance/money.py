"""Whether money is right: signs, multipliers, and every digit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain
from typing import Any

from variance_bridge.model import Holding, Side
from variance_bridge.symbology import Deliverable, InstrumentType, OptionType, futures_product
from variance_bridge.testing.case_decorator import Complaints, case
from variance_bridge.testing.comparison import MONEY, numbers
from variance_bridge.testing.conformance.conformance_case import ConformanceCase, PayloadTree
from variance_bridge.testing.payloads.changes_over_years import as_number
from variance_bridge.testing.payloads.rows import holding_of
from variance_bridge.testing.payloads.sides import amount, flips
from variance_bridge.testing.payloads.trees import Place, at, nodes, put, shown

STANDARD_LOT = Decimal(100)
"""Shares that a standard US equity option delivers (OCC)."""

_OPTIONS = frozenset({InstrumentType.OPTION, InstrumentType.FUTURE_OPTION})
_ON_FUTURES = frozenset({InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION})
_PIECES = frozenset({InstrumentType.STOCK, InstrumentType.CRYPTO})
_HAIR = Decimal("0.0000000000000001")
"""Less than a binary fraction of a price can hold."""
_SIGNED = ("market_value", "unrealized_pl")
_UNSIGNED = ("quantity", "multiplier", "average_price", "cost_basis", "strike")


class Money(ConformanceCase):
    """SIGN, MULT and EXACT."""

    @case("SIGN-01")
    def test_a_short_position_is_worth_less_than_zero_and_a_long_one_more(self) -> Complaints:
        """market_value is negative for a short position and positive for a long one."""
        for account_run, holding in self.holdings():
            value = holding.market_value
            if value is not None and value * holding.side.sign < 0:
                yield f"{account_run.name}: {holding.symbol} is {holding.side}, and its market_value is {value}"

    @case("SIGN-02")
    def test_cost_and_quantity_have_no_sign(self) -> Complaints:
        """Quantity and cost_basis are positive on both sides: the sign lives in `side` alone."""
        for account_run, holding in self.holdings():
            if holding.quantity <= 0:
                yield f"{account_run.name}: the quantity of {holding.symbol} is {holding.quantity}"
            cost, price = holding.cost_basis, holding.average_price
            if cost is not None and cost < 0 and (price is None or price >= 0):
                yield f"{account_run.name}: the cost_basis of {holding.symbol} is {cost}"

    @case("SIGN-03")
    def test_profit_is_value_less_cost_with_the_sign_of_the_side(self) -> Complaints:
        """unrealized_pl is market_value - cost_basis for a long position, and market_value + cost_basis for a short one.

        A difference of one percent is allowed for fees and for a mark that is not the one of the value.
        """
        for account_run, holding in self.holdings():
            value, cost, profit = holding.market_value, holding.cost_basis, holding.unrealized_pl
            if value is None or cost is None or profit is None:
                continue
            should = value - holding.side.sign * cost
            allowed = max(abs(value), abs(cost)) / 100 + holding.quantity / 100
            if abs(profit - should) > allowed:
                yield f"{account_run.name}: unrealized_pl of {holding.symbol} is {profit}, and should be about {should}"

    @case("SIGN-04")
    def test_the_delta_of_a_position_has_the_sign_of_what_it_gains_from(self) -> Complaints:
        """Long shares, long calls and short puts have a positive delta, the others a negative one."""
        for account_run, holding in self.holdings():
            delta = holding.greeks.delta if holding.greeks else None
            if delta is None or holding.type not in _OPTIONS | _PIECES:
                continue
            direction = -1 if holding.option_type is OptionType.PUT else 1
            if delta * holding.side.sign * direction < 0:
                yield f"{account_run.name}: {holding.symbol} is {holding.side}, and its delta is {delta}"

    @case("SIGN-05")
    def test_flipping_the_side_of_a_row_flips_every_sign(self) -> Complaints:
        """The same row of the opposite side is the same position with every sign the other way round.

        The kit finds out how a row says its side from the rows of the other side, in any of the recordings. Where it cannot, say how: override
        `flipped(self, row)`, which returns the row of the opposite side with all its signed numbers negated.
        """
        sides = [(payload, _sides(payload)) for payload in self.with_rows()]
        everywhere = [one for payload, found in sides for one in _rows_by_side(payload, found)]
        for payload, witnesses in sides:
            for place, was in witnesses.items():
                row = at(payload.sources.tree, place)
                by_author = self.flipped(row)
                beside = _rows_by_side(payload, witnesses)
                ways = chain(flips(row, was, beside), flips(row, was, everywhere))
                now = _first_flip(payload, place, was, ways if by_author is None else [by_author])
                where = f"{payload.name}: {shown(place)} ({was.symbol})"
                if now is None:
                    yield f"{where} never becomes {_other(was.side)}, whatever is flipped in it"
                else:
                    yield from (f"{where}, flipped: {one}" for one in _unflipped(was, now))
                    if by_author is not None:
                        yield from (f"{where}, flipped: {one} is lost" for one in _lost(was, now))
                    if was.day_pl and now.day_pl == was.day_pl and _states_day_pl(row, was):
                        yield f"{where}, flipped: day_pl stays {now.day_pl}"

    @case("MULT-01")
    def test_a_share_and_a_coin_count_as_one(self) -> Complaints:
        """The multiplier of shares and coins is 1."""
        for account_run, holding in self.holdings():
            if holding.type in _PIECES and holding.multiplier not in {None, Decimal(1)}:
                yield f"{account_run.name}: the multiplier of {holding.symbol} is {holding.multiplier}"

    @case("MULT-02")
    def test_a_standard_option_on_shares_counts_as_a_hundred(self) -> Complaints:
        """The multiplier of a standard US equity or index option is 100: money, not points."""
        for account_run, holding in self.holdings():
            is_standard = (
                holding.type is InstrumentType.OPTION
                and holding.deliverable is not Deliverable.ADJUSTED
            )
            if is_standard and holding.multiplier not in {None, STANDARD_LOT}:
                yield f"{account_run.name}: the multiplier of {holding.symbol} is {holding.multiplier}"

    @case("MULT-03")
    def test_a_future_counts_as_its_exchange_says(self) -> Complaints:
        """The multiplier of a future, and of an option on one, is the contract's point value."""
        for account_run, holding in self.holdings():
            product = futures_product(holding.root) if holding.type in _ON_FUTURES else None
            if product and holding.multiplier not in {None, product.multiplier}:
                yield (
                    f"{account_run.name}: the multiplier of {holding.symbol} is {holding.multiplier},"
                    f" and {product.root} counts {product.multiplier}"
                )

    @case("MULT-04")
    def test_the_multiplier_that_a_row_states_is_obeyed(self) -> Complaints:
        """Where a row has a member named multiplier, the position has that multiplier and no assumed one."""
        for payload, scope in self.row_scopes():
            was = holding_of(payload.account_run, payload.sources, scope.inside)
            for place, value in scope.places:
                stated = as_number(value)
                if "multiplier" not in str(place[-1]).casefold() or stated is None or was is None:
                    continue
                other = _in_the_same_type(value, stated / 10)
                outcome = payload.renormalized(put(payload.sources.tree, place, other))
                now = payload.changed(outcome)
                if now is not None and now.multiplier == was.multiplier:
                    yield f"{payload.name}: {place[-1]} is not read"

    @case("EXACT-01")
    def test_no_number_is_a_binary_fraction(self) -> Complaints:
        """Every number is a Decimal: a float has already lost cents."""
        for account_run in self.account_runs():
            for name, value in numbers(account_run.portfolio):
                if value is not None and not isinstance(value, Decimal):
                    yield f"{account_run.name}: {name} is a {type(value).__name__}"

    @case("EXACT-02")
    def test_digits_that_no_binary_fraction_holds_survive(self) -> Complaints:
        """A price with 16 decimals arrives with all of them, and so does the money that it makes.

        Build a Decimal from the text or number as it came, never from a float; multiply with
        `variance_bridge.money`.
        """
        for payload, scope in self.row_scopes():
            was = holding_of(payload.account_run, payload.sources, scope.inside)
            for place, value in scope.places:
                if was is not None and as_number(value) is not None:
                    for lost in _lost_digits(payload, place, value, was):
                        name = shown(place[len(scope.inside) :])
                        yield f"{payload.name}: {name} loses digits on its way to {lost}"

    @case("EXACT-03")
    def test_the_payloads_hold_no_binary_fraction(self) -> Complaints:
        """Payloads come from `Response.json()`, whose numbers are exact, and not from Python's own json."""
        for payload in self.payload_trees():
            for place, value in nodes(payload.sources.tree):
                if isinstance(value, float):
                    yield f"{payload.name}: {shown(place)} is a float"


def _sides(payload: PayloadTree) -> dict[Place, Holding]:
    """The open position that each row is."""
    found = {
        place: holding_of(payload.account_run, payload.sources, place)
        for place in payload.row_places()
    }
    return {place: holding for place, holding in found.items() if holding is not None}


def _rows_by_side(payload: PayloadTree, witnesses: dict[Place, Holding]) -> list[tuple[Any, Side]]:
    return [(at(payload.sources.tree, place), one.side) for place, one in witnesses.items()]


def _first_flip(
    payload: PayloadTree, place: Place, was: Holding, rows: Iterable[Any]
) -> Holding | None:
    """The same instrument on the opposite side, from the first of the rows that gives one."""
    for row in rows:
        now = payload.changed(payload.renormalized(put(payload.sources.tree, place, row)))
        if now is not None and now.side is not was.side and now.symbol == was.symbol:
            return now
    return None


def _other(side: Side) -> Side:
    return Side.SHORT if side is Side.LONG else Side.LONG


def _unflipped(was: Holding, now: Holding) -> Iterator[str]:
    for name in _SIGNED:
        old, new = getattr(was, name), getattr(now, name)
        if old is not None and new is not None and old != -new:
            yield f"{name} becomes {new} instead of {-old}"
    for name in _UNSIGNED:
        old, new = getattr(was, name), getattr(now, name)
        if old is not None and new is not None and old != new:
            yield f"{name} becomes {new} instead of {old}"


def _lost(was: Holding, now: Holding) -> Iterator[str]:
    """Members that the opposite side lacks, though its row states all that this one states."""
    for name in (*_SIGNED, *_UNSIGNED):
        if getattr(was, name) is not None and getattr(now, name) is None:
            yield name


def _states_day_pl(row: Any, was: Holding) -> bool:
    """Whether the row has the gain of the day as a number, which the kit then negates."""
    return any(amount(value) in (was.day_pl, -(was.day_pl or 0)) for _place, value in nodes(row))


def _in_the_same_type(like: Any, number: Decimal) -> Any:
    return format(number, "f") if isinstance(like, str) else number


def _lost_digits(payload: PayloadTree, place: Place, value: Any, was: Holding) -> Iterator[str]:
    """Members that follow the value when it changes by 1, and not, or not exactly, when it changes by a hair."""
    number = as_number(value)
    if number is None:
        return

    def changed_by(step: Decimal) -> Holding | None:
        other = _in_the_same_type(value, number + step)
        return payload.changed(payload.renormalized(put(payload.sources.tree, place, other)))

    much, little = changed_by(Decimal(1)), changed_by(_HAIR)
    if much is None or much.multiplier != was.multiplier or not _is_a_price(was, much, number):
        return
    for name in ("average_price", *MONEY):
        base, far = getattr(was, name), getattr(much, name)
        near = getattr(little, name) if little is not None else base
        if base is None or far is None or near is None or far == base:
            continue
        should = (far - base) * _HAIR
        if abs((near - base) - should) > abs(should) / 100:
            yield name


def _is_a_price(was: Holding, much: Holding, number: Decimal) -> bool:
    """Whether a member of the position is that number, or the whole of it, and follows it."""
    for name in ("average_price", *MONEY):
        before, after = getattr(was, name), getattr(much, name)
        if before is not None and after is not None and abs(before) == abs(number) != abs(after):
            return True
    before = was.quote.mark if was.quote else None
    after = much.quote.mark if much.quote else None
    return before is not None and before == number and after == number + 1
