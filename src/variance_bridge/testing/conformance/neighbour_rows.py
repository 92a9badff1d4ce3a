"""What the broker makes of rows that are as valid as the recorded ones, and were not recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import attrs
from msgspec import structs

from variance_bridge.model import Caution, Holding, Portfolio
from variance_bridge.symbology import Deliverable, InstrumentType
from variance_bridge.testing.case_decorator import Complaints, NotApplicableError, case
from variance_bridge.testing.comparison import wrong_counts
from variance_bridge.testing.conformance.conformance_case import ConformanceCase, PayloadTree
from variance_bridge.testing.conformance.money import STANDARD_LOT
from variance_bridge.testing.payloads.changes_over_years import Scope, as_number
from variance_bridge.testing.payloads.neighbours import (
    Neighbour,
    Terms,
    adjusted,
    neighbours,
    other_day,
    other_index,
    other_right,
    other_strike,
)
from variance_bridge.testing.payloads.trees import Place, at, nodes, put, shown

_TERMS = ("type", "root", "symbol", "option_type", "strike", "expiration")
_KEPT = ("side", "quantity", "average_price", "market_value")
_NAMES_OF_TYPES = ("type", "class", "kind", "categor", "product")
_TYPES = (
    "bond", "fixed income", "mutual fund", "fund", "index", "future", "future option", "option", "warrant", "right", "crypto",
    "cryptocurrency", "forex", "cfd", "etf", "adr", "preferred stock", "treasury bill", "structured product", "commodity",
    "physical", "spot", "note", "unknown",
)  # fmt: skip
_NAMES_OF_SIDES = ("long", "short")
_NAMES_OF_CURRENCIES = ("curr", "ccy")
_NOT_THE_ROWS_CURRENCY = ("base", "account", "home", "report")
_YEARS_LATER = timedelta(days=3 * 365)
_ADJUSTED = frozenset({Caution.ADJUSTED_DELIVERABLE, Caution.MULTIPLIER_UNKNOWN})

Change = Callable[[Terms], Iterator[tuple[str, Terms]]]
Row = tuple[PayloadTree, Scope, Holding]


class NeighbourRows(ConformanceCase):
    """NEAR: a neighbour is read rightly, or its row is rejected; never as what was recorded."""

    def _options(self) -> list[Row]:
        found = [one for one in self.witnesses() if one[2].type is InstrumentType.OPTION]
        if not found:
            raise NotApplicableError("no option on shares or on an index is recorded")
        return found

    def _read_wrongly(
        self, change: Change
    ) -> Iterator[tuple[str, Neighbour, Holding, Holding, Portfolio]]:
        """The neighbours that were read as a position, each with the recorded one; complaints begin with the text."""
        for payload, scope, was in self._options():
            row = at(payload.sources.tree, scope.inside)
            for one in neighbours(row, was, change):
                outcome = payload.renormalized(put(payload.sources.tree, scope.inside, one.row))
                now = payload.changed(outcome)
                if now is not None and isinstance(outcome, Portfolio):
                    yield (
                        f"{payload.name}: {was.symbol} {one.what}",
                        one,
                        was,
                        now,
                        outcome,
                    )

    def _terms(
        self, change: Change, *, kept: tuple[str, ...] = (*_KEPT, "multiplier")
    ) -> Complaints:
        for where, one, was, now, _outcome in self._read_wrongly(change):
            for name in _TERMS:
                should, is_ = getattr(one.instrument, name), getattr(now, name)
                if is_ != should:
                    yield f"{where}: its {name} becomes {is_}, and should be {should}"
            for name in kept:
                before, after = getattr(was, name), getattr(now, name)
                if None not in (before, after) and after != before:
                    yield f"{where}: its {name} becomes {after}, and was {before}"

    @case("NEAR-01")
    def test_a_call_for_a_put_is_a_call(self) -> Complaints:
        """An option of the other right is read as that: a call for a put, and a put for a call."""
        yield from self._terms(other_right)

    @case("NEAR-02")
    def test_a_day_that_could_be_a_month_is_a_day(self) -> Complaints:
        """An option that expires on 5 June expires on 5 June, and not on 6 May."""
        yield from self._terms(other_day)

    @case("NEAR-03")
    def test_a_large_and_a_broken_strike_are_read_in_full(self) -> Complaints:
        """A strike above a thousand, and one with a fraction, are read as they are."""
        yield from self._terms(other_strike)

    @case("NEAR-04")
    def test_an_option_of_an_index_has_its_root_and_multiplier(self) -> Complaints:
        """An option of an index mini or weekly has the root of its index, and the standard multiplier."""
        yield from self._terms(other_index)

    @case("NEAR-05")
    def test_an_adjusted_contract_is_marked(self) -> Complaints:
        """A contract with an adjusted deliverable says so, and its multiplier is not silently assumed.

        `deliverable` comes from `variance_bridge.symbology.parse`. Where the row does not state the multiplier, it is unknown:
        flag `multiplier_unknown`, or at least `adjusted_deliverable`, as `variance_bridge.rows.holding` does.
        """
        yield from self._terms(adjusted, kept=_KEPT)
        for where, _one, _was, now, outcome in self._read_wrongly(adjusted):
            if now.deliverable is not Deliverable.ADJUSTED:
                yield f"{where}: its deliverable is {now.deliverable}, and should be adjusted"
            flags = {one.caution for one in outcome.meta.flags if one.symbol in (None, now.symbol)}
            if now.multiplier in {None, STANDARD_LOT} and not flags & _ADJUSTED:
                yield f"{where}: its multiplier is {now.multiplier}, and no flag says that it was adjusted"

    @case("NEAR-06")
    def test_the_currency_that_a_row_states_is_obeyed(self) -> Complaints:
        """A row that states another currency is a position in that currency.

        Where a row states it several times (of the price, of the listing, of the underlying), all of them say the other one.
        """
        applies = False
        for payload, scope, was in self.witnesses():
            recorded = was.currency or payload.portfolio.meta.currency
            other = "EUR" if recorded == "CAD" else "CAD"
            places = [
                place
                for place, value in scope.places
                if value == recorded and _is_rows_currency(str(place[-1]))
            ]
            if not places:
                continue
            applies = True
            tree: Any = payload.sources.tree
            for place in places:
                tree = put(tree, place, other)
            outcome = payload.renormalized(tree)
            now = payload.changed(outcome)
            is_same = isinstance(outcome, Portfolio) and not payload.lost(outcome)
            stated = other if now is None else now.currency
            if is_same or stated != other:
                yield f"{payload.name}: {_name(places[0], scope)} says {other}, and {was.symbol} stays in {recorded}"
            elif (
                now is not None and _is_pair(now, recorded) and not _spells(scope, places, recorded)
            ):
                yield f"{payload.name}: {_name(places[0], scope)} says {other}, and the coin is still {now.symbol}"
        if not applies:
            raise NotApplicableError("no recorded row states a currency")

    @case("NEAR-07")
    def test_long_and_short_in_one_row_are_not_netted(self) -> Complaints:
        """A row that says a long and a short quantity is two positions, or rejected; it is never their difference."""
        applies = False
        for payload, scope, was in self.witnesses():
            for place, value in scope.places:
                is_of_side = any(word in str(place[-1]).casefold() for word in _NAMES_OF_SIDES)
                if as_number(value) != 0 or not is_of_side or was.quantity <= 1:
                    continue
                applies = True
                tree = put(payload.sources.tree, place, _like(value, Decimal(1)))
                now = payload.changed(payload.renormalized(tree))
                if now is not None and now.quantity == was.quantity - 1:
                    yield f"{payload.name}: with 1 for {_name(place, scope)}, {was.symbol} is netted to {now.quantity}"
        if not applies:
            raise NotApplicableError("no recorded row has a long and a short quantity")

    @case("NEAR-08")
    def test_a_type_that_was_not_recorded_is_counted(self) -> Complaints:
        """A row of a type that was not recorded is kept, rejected or `other`; it is counted, and not closed."""
        for payload, scope, _was in self.witnesses():
            if payload.sources.tables:
                raise NotApplicableError(
                    "a table has lines that are not positions, by the words of its columns"
                )
            for place, value in scope.places:
                name = str(place[-1]).casefold()
                if not isinstance(value, str) or not any(part in name for part in _NAMES_OF_TYPES):
                    continue
                for word in _types_like(value):
                    outcome = payload.renormalized(put(payload.sources.tree, place, word))
                    if isinstance(outcome, Portfolio):
                        for problem in wrong_counts(payload.portfolio, outcome):
                            yield f"{payload.name}: when {_name(place, scope)} is {word}, {problem}"

    @case("NEAR-09")
    def test_a_position_that_is_worth_nothing_is_not_closed(self) -> Complaints:
        """A position without value, cost or price is still a position: only a quantity of zero closes it."""
        for payload, scope, was in self.witnesses():
            for place, value in scope.places:
                number = as_number(value)
                if not number or abs(number) == was.quantity:
                    continue
                outcome = payload.renormalized(
                    put(payload.sources.tree, place, _like(value, Decimal(0)))
                )
                if _closes(payload, outcome) and not _is_quantity(payload, place, value, was):
                    yield f"{payload.name}: when {_name(place, scope)} is 0, {was.symbol} counts as closed"

    @case("NEAR-10")
    def test_time_closes_no_position(self) -> Complaints:
        """The same payloads three years later are the same positions: what the broker still lists is still held."""
        for payload in self.with_rows():
            run = payload.account_run
            later = structs.replace(run.raw, fetched_at=run.raw.fetched_at + _YEARS_LATER)
            outcome = attrs.evolve(run, raw=later).normalize(run.raw.payloads)
            if not isinstance(outcome, Portfolio):
                continue
            yield from (
                f"{run.name}: three years later, {one}"
                for one in wrong_counts(run.portfolio, outcome)
            )
            if _sizes(outcome) != _sizes(run.portfolio):
                yield f"{run.name}: three years later, it holds other positions"

    @case("NEAR-11")
    def test_negative_cash_stays_negative(self) -> Complaints:
        """Cash and net value that are below zero are published below zero."""
        applies = False
        for payload, scope in self.scopes():
            balances = payload.portfolio.balances
            if scope.inside or balances is None:
                continue
            for place, value in scope.places:
                number = as_number(value)
                for name in ("cash", "net_liquidating_value"):
                    before = getattr(balances, name)
                    if not number or number != before or not _follows(payload, place, value, name):
                        continue
                    applies = True
                    after = _balance(payload, place, _like(value, -number), name)
                    if after is not None and after != -before:
                        yield f"{payload.name}: when {shown(place)} is {-number}, balances.{name} is {after}"
        if not applies:
            raise NotApplicableError("no balance is a number of the payloads as it stands")

    @case("NEAR-13")
    def test_a_number_of_any_size_and_sign_is_read_as_it_is(self) -> Complaints:
        """A price of thousands, a part of a share and a loss of the day are read as they are, or are unknown."""
        for payload, scope, was in self.witnesses():
            for place, value in scope.places:
                number = as_number(value)
                if not number:
                    continue
                for name, read in _NUMBERS.items():
                    if read(was) != _as_stated(name, number) or not _field_follows(
                        payload, place, value, name
                    ):
                        continue
                    for other in _other_numbers(name, number):
                        now = payload.changed(_with(payload, place, _like(value, other)))
                        after = None if now is None else read(now)
                        if after not in (None, _as_stated(name, other)):
                            yield (
                                f"{payload.name}: when {_name(place, scope)} is {other}, the {name} of"
                                f" {was.symbol} is {after}"
                            )

    @case("NEAR-14")
    def test_a_balance_in_another_currency_is_not_the_accounts(self) -> Complaints:
        """Of balances in several currencies the account's is taken, whichever comes first; another one is not taken for it."""
        applies = False
        for payload, place in self._stated_currencies():
            applies = True
            was = at(payload.sources.tree, place)
            other = "EUR" if was == "CAD" else "CAD"
            outcome = _with(payload, place, other)
            balances = outcome.balances if isinstance(outcome, Portfolio) else None
            if balances is not None and balances.currency == was:
                yield f"{payload.name}: {shown(place)} says {other}, and the balances stay in {was}"
        for payload, scope in self.scopes():
            before = payload.portfolio
            if scope.inside or before.balances is None:
                continue
            for place, value in nodes(payload.sources.tree):
                if not _is_by_currency(value) or _touches(payload, place):
                    continue
                applies = True
                for elements in _other_balances(value, before.balances.currency):
                    outcome = _with(payload, place, elements)
                    if isinstance(outcome, Portfolio) and outcome.balances not in (
                        None,
                        before.balances,
                    ):
                        yield (
                            f"{payload.name}: with another currency at the beginning of {shown(place)}, the balances"
                            " are others"
                        )
                        break
        if not applies:
            raise NotApplicableError("no list has an entry for each currency")

    def _stated_currencies(self) -> Iterator[tuple[PayloadTree, Place]]:
        """Where the currency of the balances stands, beside one of their amounts."""
        for payload, scope in self.scopes():
            balances = payload.portfolio.balances
            if scope.inside or balances is None:
                continue
            amounts = {balances.cash, balances.net_liquidating_value}
            for place, value in scope.places:
                if value == balances.currency and _is_rows_currency(str(place[-1])):
                    beside = at(payload.sources.tree, place[:-1])
                    if not amounts.isdisjoint(map(as_number, dict(beside).values())):
                        yield payload, place


def _is_pair(holding: Holding, currency: str | None) -> bool:
    return holding.type is InstrumentType.CRYPTO and holding.symbol.endswith(f"/{currency}")


def _spells(scope: Scope, but: list[Place], currency: str | None) -> bool:
    """Whether another member of the row has the currency in it, as the name of a pair has."""
    return any(
        isinstance(value, str) and place not in but and str(currency) in value.upper()
        for place, value in scope.places
    )


def _is_by_currency(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, Mapping) and any(_currencies(one)) for one in value)
    )


def _currencies(element: Any) -> Iterator[Place]:
    """Where an entry says its currency: `currency`, or `code` inside of it."""
    for place, value in nodes(element):
        is_code = isinstance(value, str) and len(value) == _LENGTH_OF_CODE and value.isupper()
        if is_code and any(_is_rows_currency(str(step)) for step in place):
            yield place


def _touches(payload: PayloadTree, place: Place) -> bool:
    """Whether rows of positions are in that list, or it is in one of them."""
    return any(
        rows.place[: len(place)] == place or place[: len(rows.place)] == rows.place
        for rows in payload.lists
    )


def _other_balances(value: list[Any], currency: str) -> Iterator[list[Any]]:
    """The list with another currency before the others, and from its end to its beginning."""
    own = next((one for one in value if at(one, next(_currencies(one))) == currency), value[0])
    other: Any = own
    for place, inner in nodes(own):
        number = as_number(inner)
        if number is not None:
            other = put(other, place, _like(inner, number + 1))
    for place in _currencies(own):
        other = put(other, place, "EUR" if currency == "CAD" else "CAD")
    yield [other, *value]
    if len({at(one, next(_currencies(one))) for one in value}) == len(value):
        yield value[::-1]


_LENGTH_OF_CODE = 3

_NUMBERS: Mapping[str, Callable[[Holding], Decimal | None]] = {
    "quantity": lambda holding: holding.quantity,
    "average_price": lambda holding: holding.average_price,
    "cost_basis": lambda holding: holding.cost_basis,
    "market_value": lambda holding: holding.market_value,
    "day_pl": lambda holding: holding.day_pl,
    "mark": lambda holding: holding.quote.mark if holding.quote else None,
}
_TOTALS = frozenset({"cost_basis", "market_value"})
_WITHOUT_SIGN = frozenset({"quantity", "cost_basis"})
"""What is positive in a document, however a broker writes a short position."""


def _as_stated(name: str, number: Decimal) -> Decimal:
    return abs(number) if name in _WITHOUT_SIGN else number


def _other_numbers(name: str, number: Decimal) -> Iterator[Decimal]:
    yield number * 1000
    if name not in _TOTALS:
        # Not of a total: what price and quantity make may be published in its place, where both agree.
        yield number + Decimal("0.0123").copy_sign(number)
    if name == "day_pl":
        yield -number


def _with(payload: PayloadTree, place: Place, value: Any) -> object:
    return payload.renormalized(put(payload.sources.tree, place, value))


def _field_follows(payload: PayloadTree, place: Place, value: Any, name: str) -> bool:
    """Whether a field of the position is this number: it changes with it."""
    more = (as_number(value) or Decimal(0)) + 1
    now = payload.changed(_with(payload, place, _like(value, more)))
    return now is not None and _NUMBERS[name](now) == _as_stated(name, more)


def _is_rows_currency(name: str) -> bool:
    folded = name.casefold()
    return any(part in folded for part in _NAMES_OF_CURRENCIES) and not any(
        part in folded for part in _NOT_THE_ROWS_CURRENCY
    )


def _types_like(value: str) -> Iterator[str]:
    """Words for types, written the way this one is."""
    for word in _TYPES:
        if value.isupper():
            yield from dict.fromkeys((word.upper().replace(" ", "_"), word.upper()))
        elif value.islower():
            yield from dict.fromkeys((word.replace(" ", "_"), word.replace(" ", "-"), word))
        else:
            yield from dict.fromkeys((word.title(), word.title().replace(" ", "")))


def _like(value: Any, number: Decimal) -> Any:
    """The number in the type of the value that it replaces."""
    return format(number, "f") if isinstance(value, str) else number


def _name(place: Place, scope: Scope) -> str:
    return shown(place[len(scope.inside) :])


def _closes(payload: PayloadTree, outcome: object) -> bool:
    before = payload.portfolio.meta.counts
    after = outcome.meta.counts if isinstance(outcome, Portfolio) else None
    return before is not None and after is not None and after.closed > before.closed


def _is_quantity(payload: PayloadTree, place: Place, value: Any, was: Holding) -> bool:
    """Whether the quantity follows the number."""
    doubled = _like(value, (as_number(value) or Decimal(0)) * 2)
    now = payload.changed(payload.renormalized(put(payload.sources.tree, place, doubled)))
    return now is not None and now.quantity != was.quantity


def _sizes(portfolio: Portfolio) -> Counter[tuple[object, ...]]:
    return Counter((one.root, one.side, one.quantity) for one in portfolio.positions)


def _balance(payload: PayloadTree, place: Place, value: Any, name: str) -> Decimal | None:
    outcome = payload.renormalized(put(payload.sources.tree, place, value))
    balances = outcome.balances if isinstance(outcome, Portfolio) else None
    return getattr(balances, name) if balances is not None else None


def _follows(payload: PayloadTree, place: Place, value: Any, name: str) -> bool:
    """Whether the balance is this number: it changes with it."""
    number = as_number(value) or Decimal(0)
    return _balance(payload, place, _like(value, number + 1), name) == number + 1
