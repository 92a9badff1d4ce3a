"""Valid rows beside those that were recorded: another right, day, strike or root, spelled the way the row spells its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import attrs

from variance_bridge.model import Holding
from variance_bridge.symbology import Instrument, InstrumentType, SymbolError, parse
from variance_bridge.testing.payloads.changes_over_years import as_number
from variance_bridge.testing.payloads.trees import nodes, put

_OSI_LENGTH = 21
_ROOT_WIDTH = 6
_MAX_ROOT = 5
_DATE_FORMATS = (
    "%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%d-%b-%Y", "%d %b %Y", "%b %d %Y", "%b %d, %Y", "%B %d, %Y", "%d%b%y",
    "%d %b %y", "%m/%d/%y", "%y%m%d", "%m%d%y",
)  # fmt: skip
"""The longer ones first: a short one may be a part of them."""

_RIGHTS = {"C": "P", "P": "C", "CALL": "PUT", "PUT": "CALL"}
_RIGHT = re.compile(r"\b(?:call|put|[cp])\b|(?<![A-Za-z])[CP](?=[0-9])", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![0-9.])[0-9]+(?:\.[0-9]+)?(?![0-9.])")

OTHER_DAY = (6, 5)
"""Month and day of the other expiration: read the wrong way round, they are another day."""

OTHER_STRIKES = (Decimal(1250), Decimal("7.5"))


@attrs.frozen
class Terms:
    """What an option's spelling is made of."""

    root: str
    expiration: date
    right: str
    strike: Decimal

    @property
    def osi(self) -> str:
        """The symbol of the OCC (OSI, 21 characters)."""
        thousandths = int(self.strike * 1000)
        return f"{self.root:<6}{self.expiration:%y%m%d}{self.right}{thousandths:08d}"


@attrs.frozen
class Neighbour:
    """A row of a contract that was not recorded.

    Attributes:
        what: as in `a call instead of a put`.
        instrument: what the row must be read as.
    """

    what: str
    row: Any
    instrument: Instrument


def terms_of(holding: Holding) -> Terms | None:
    """The terms of a listed option; None for anything else."""
    if holding.type is not InstrumentType.OPTION or len(holding.symbol) != _OSI_LENGTH:
        return None
    if holding.expiration is None or holding.strike is None:
        return None
    return Terms(
        root=holding.symbol[:_ROOT_WIDTH].strip(),
        expiration=holding.expiration,
        right=holding.symbol[12],
        strike=holding.strike,
    )


def other_right(was: Terms) -> Iterator[tuple[str, Terms]]:
    """A call for a put, and a put for a call."""
    other = _RIGHTS[was.right]
    yield f"that is a {'call' if other == 'C' else 'put'}", attrs.evolve(was, right=other)


def other_day(was: Terms) -> Iterator[tuple[str, Terms]]:
    """A day that could be a month."""
    day = date(was.expiration.year + 1, *OTHER_DAY)
    yield f"that expires on {day}", attrs.evolve(was, expiration=day)


def other_strike(was: Terms) -> Iterator[tuple[str, Terms]]:
    """A strike above a thousand, and one with a fraction."""
    for strike in OTHER_STRIKES:
        if strike != was.strike:
            yield f"with the strike {strike}", attrs.evolve(was, strike=strike)


def other_index(was: Terms) -> Iterator[tuple[str, Terms]]:
    """Options of an index, on its mini and on its weeklies."""
    for root in ("XSP", "SPXW"):
        yield f"with the root {root}", attrs.evolve(was, root=root)


def adjusted(was: Terms) -> Iterator[tuple[str, Terms]]:
    """A contract whose deliverable was adjusted, which the OCC marks by a digit behind the root."""
    if was.root.isalpha() and len(was.root) <= _MAX_ROOT:
        yield f"with the adjusted root {was.root}1", attrs.evolve(was, root=f"{was.root}1")


def neighbours(
    row: Any, holding: Holding, change: Callable[[Terms], Iterator[tuple[str, Terms]]]
) -> Iterator[Neighbour]:
    """The row of an option with other terms; nothing for a row of anything else."""
    was = terms_of(holding)
    for what, terms in change(was) if was else ():
        try:
            instrument = parse(terms.osi, instrument_type=InstrumentType.OPTION)
        except SymbolError:
            continue
        spelling = _Spelling(was, terms, holding.underlying, instrument.underlying)  # type: ignore[arg-type]
        other = row
        for place, value in nodes(row):
            other = put(other, place, spelling.of(value, str(place[-1])))
        if other != row:
            yield Neighbour(what, other, instrument)


@attrs.frozen
class _Spelling:
    """Writes one contract where another one stood."""

    was: Terms
    now: Terms
    underlying: str | None
    other_underlying: str | None

    def of(self, value: Any, name: str) -> Any:
        if isinstance(value, str):
            return self._text(value, name)
        is_strike = "strike" in name.casefold() and as_number(value) == self.was.strike
        return self.now.strike if is_strike else value

    def _text(self, text: str, name: str) -> str:
        if text.strip() in {self.was.root, self.underlying} and self.was.root != self.now.root:
            return (
                (self.other_underlying or self.now.root)
                if text == self.underlying
                else self.now.root
            )
        if text.strip().upper() in _RIGHTS and len(text) == len(text.strip()):
            return self._right(text)
        if "strike" in name.casefold() and as_number(text) == self.was.strike:
            return format(self.now.strike, "f")
        plain = self._osi(text)
        if plain != text:
            return plain
        return self._words(text)

    def _osi(self, text: str) -> str:
        """The OSI symbol, with its blanks or without them."""
        tail = self.was.osi[_ROOT_WIDTH:]
        pattern = re.compile(rf"(?<![A-Z0-9]){re.escape(self.was.root)}( *){tail}(?![0-9])")

        def other(found: re.Match[str]) -> str:
            blanks = found[1]
            is_padded = len(self.was.root) + len(blanks) == _ROOT_WIDTH and blanks
            root = f"{self.now.root:<6}" if is_padded else self.now.root + blanks
            return root + self.now.osi[_ROOT_WIDTH:]

        return pattern.sub(other, text)

    def _words(self, text: str) -> str:
        """A text that spells the contract, as in `SPY 03/20/2026 440.00 P`, or its day alone."""
        for form in _DATE_FORMATS:
            for upper in (False, True):
                old, new = f"{self.was.expiration:{form}}", f"{self.now.expiration:{form}}"
                old, new = (old.upper(), new.upper()) if upper else (old, new)
                if old in text:
                    parts = [self._around_day(part) for part in text.split(old)]
                    return new.join(parts)
        return text

    def _around_day(self, text: str) -> str:
        text = _NUMBER.sub(self._strike, text)
        text = _RIGHT.sub(lambda found: self._right(found[0]), text)
        if self.was.root != self.now.root:
            text = re.sub(rf"\b{re.escape(self.was.root)}\b", self.now.root, text)
        return text

    def _strike(self, found: re.Match[str]) -> str:
        text = found[0]
        if Decimal(text) != self.was.strike:
            return text
        decimals = max(len(text.partition(".")[2]), len(str(self.now.strike).partition(".")[2]))
        return f"{self.now.strike:.{decimals}f}"

    def _right(self, text: str) -> str:
        if self.was.right == self.now.right:
            return text
        other = _RIGHTS[text.upper()]
        if text.isupper():
            return other
        return other.lower() if text.islower() else other.capitalize()
