"""Whether the texts that a row has for one of its terms say the same: its own column, pieces of other cells, a symbol's wording."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import combinations

from msgspec import Struct

from variance_bridge_csv.dialect_format import date_formats
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field
from variance_bridge_csv.row.cell_values import CellFault, day_reader, number_reader, option_type_of

_COMPARED = (
    Field.OPTION_TYPE,
    Field.STRIKE,
    Field.EXPIRATION,
    Field.MULTIPLIER,
    Field.QUANTITY,
    Field.CURRENCY,
)
"""What a row must not say in two ways."""
_MONTH_WORD = re.compile(
    rf"(?<![A-Z])({'|'.join(date_formats.MONTH_NAMES)})[ .'-]{{0,2}}([0-9]{{4}}|[0-9]{{1,2}})(?![0-9A-Z])",
    re.IGNORECASE,
)
_STRIKE = r"([0-9]{1,5}(?:[.,'][0-9]{1,4}){0,3})"
_BEFORE_RIGHT = re.compile(
    rf"(?<![0-9A-Z.,/'-])\$?{_STRIKE} ?(CALL|PUT|C|P)(?![A-Z0-9])", re.IGNORECASE
)
_AFTER_RIGHT = re.compile(
    rf"(?<![A-Z0-9])(CALL|PUT|C|P) ?\$?{_STRIKE}(?![A-Z0-9.,/'-])", re.IGNORECASE
)


class Month(Struct, frozen=True):
    """An expiration that states its month; `number` behind it may be the year or the day."""

    month: int
    number: int

    def agrees(self, day: date) -> bool:
        """Whether it may be the month of that day."""
        return self.month == day.month and self.number in {day.year, day.year % 100, day.day}


class Agreement:
    """What the texts of a row mean by its dialect, so that they can be compared."""

    def __init__(self, dialect: Dialect) -> None:
        rules = dialect.cells
        self._numbers = {
            field: number_reader(field, rules)
            for field in (Field.STRIKE, Field.MULTIPLIER, Field.QUANTITY)
        }
        self._day = day_reader(Field.EXPIRATION, rules)
        self._formats = rules.column_dates.get(Field.EXPIRATION, rules.dates)
        self._nulls: Mapping[Field, frozenset[str]] = {
            field: frozenset((*rules.nulls, *rules.column_nulls.get(field, ())))
            for field in _COMPARED
        }

    def contradicted(
        self,
        stated: Mapping[Field, Sequence[str]],
        wordings: Sequence[tuple[str, frozenset[Field]]],
    ) -> Field | None:
        """The first term of which the row says two things; None where it says none twice.

        Args:
            stated: for each term all texts that state it.
            wordings: symbols and descriptions that the row was taken out of, each with the terms that were taken from it.
        """
        meant: dict[Field, list[object]] = {}
        for field in _COMPARED:
            meant[field] = [
                meaning
                for text in stated.get(field, ())
                if (meaning := self._meaning(field, text)) is not None
            ]
        if meant[Field.STRIKE] or meant[Field.OPTION_TYPE]:
            for text, taken in wordings:
                for field, meaning in self._worded(text):
                    if meant[field] and field not in taken:
                        meant[field].append(meaning)
        return next((field for field in _COMPARED if not _agree(meant[field])), None)

    def best(self, field: Field, texts: Sequence[str]) -> str:
        """Of the texts for one term the first that says it in full: a month alone is no day of expiration."""
        if field is Field.EXPIRATION and len(texts) > 1:
            whole = (text for text in texts if isinstance(self._meaning(field, text), date))
            return next(whole, texts[0])
        return texts[0]

    def _meaning(self, field: Field, text: str) -> object:
        if text in self._nulls[field]:
            return None
        if field is Field.OPTION_TYPE:
            return option_type_of(text)
        if field is Field.CURRENCY:
            return text
        try:
            if field is Field.EXPIRATION:
                return self._day(text)
            number = self._numbers[field](text)
        except CellFault:
            return self._month(text) if field is Field.EXPIRATION else None
        # A side may stand in another cell, so that only one of two quantities has a sign.
        return abs(number) if field is Field.QUANTITY and number is not None else number

    def _month(self, text: str) -> Month | None:
        found = date_formats.parse_month(text, self._formats)
        return _month_of(text) if found is None else Month(found[1], found[0])

    def _worded(self, text: str) -> Iterator[tuple[Field, object]]:
        """What a text says of an option in a form that cannot be taken for anything else."""
        month = _month_of(text)
        if month is not None:
            yield Field.EXPIRATION, month
        after = [(strike, right) for right, strike in _AFTER_RIGHT.findall(text)]
        pairs = [*_BEFORE_RIGHT.findall(text), *after]
        if len(pairs) == 1:
            strike, right = pairs[0]
            yield Field.OPTION_TYPE, option_type_of(right)
            yield Field.STRIKE, self._either(strike)

    def _either(self, text: str) -> frozenset[Decimal] | None:
        """A strike as the dialect reads it, and as it reads with a decimal point: descriptions are often English."""
        found: set[Decimal] = set()
        for read in (self._numbers[Field.STRIKE], _with_point):
            try:
                number = read(text)
            except (CellFault, ArithmeticError):
                continue
            found.update([] if number is None else [number])
        return frozenset(found) or None


def _with_point(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("'", ""))


def _month_of(text: str) -> Month | None:
    """The one month that a text names, with the number behind it."""
    found = _MONTH_WORD.findall(text)
    if len(found) != 1:
        return None
    name, number = found[0]
    return Month(date_formats.month_number(name), int(number))


def _agree(meant: Sequence[object]) -> bool:
    return all(
        _same(one, other) or _same(other, one)
        for one, other in combinations([one for one in meant if one is not None], 2)
    )


def _same(one: object, other: object) -> bool:
    if isinstance(one, frozenset):
        return other in one or (isinstance(other, frozenset) and not one.isdisjoint(other))
    if isinstance(one, Month):
        if isinstance(other, Month):
            return one.month == other.month
        return isinstance(other, date) and one.agrees(other)
    return one == other
