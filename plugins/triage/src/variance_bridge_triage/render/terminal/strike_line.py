"""The strikes of strategies and the prices of their underlyings as lines of text, all on one scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from rich.text import Text

from variance_bridge.formatting import percent
from variance_bridge.symbology import OptionType
from variance_bridge.terminal import CYAN, GREEN, RED
from variance_bridge_triage.render.legs import letter_of
from variance_bridge_triage.render.price_range import PriceRange, Strike, reach_of

MIN_WIDTH = 19
MAX_WIDTH = 41
PRICE, EXPECTED, LINE = "●", "━", "─"
BELOW, ABOVE = "<", ">"


class Scale(NamedTuple):
    """The scale of all lines: the price in the middle, `reach` of it to each side, over an odd number of characters.

    Attributes:
        reach: a fraction of the price.
        width: in characters.
        exceeded: whether some strike is beyond it.
        has_ranges: whether some line has an expected range.
    """

    reach: Decimal
    width: int
    exceeded: bool
    has_ranges: bool

    @property
    def middle(self) -> int:
        """Where the price stands."""
        return self.width // 2

    def place(self, fraction: Decimal) -> int:
        """Where a distance from the price stands; beyond the line where it is too far."""
        return self.middle + round(fraction / self.reach * self.middle)


def scale_of(drawn: Sequence[PriceRange], width: int) -> Scale:
    """The smallest scale on which all strikes are, else the largest."""
    reach = reach_of(drawn)
    return Scale(
        reach=reach.fraction,
        width=width - (width % 2 == 0),
        exceeded=reach.exceeded,
        has_ranges=any(each.expected for each in drawn),
    )


def legend(scale: Scale) -> str:
    """What the signs that are drawn mean."""
    signs = [f"{PRICE} price", "P C short put, call", "p c long put, call"]
    if scale.has_ranges:
        signs.append(f"{EXPECTED} one standard deviation to expiration")
    if scale.exceeded:
        signs.append(f"{BELOW} {ABOVE} beyond the scale")
    return "  ".join(signs)


def heading(scale: Scale) -> str:
    """`-15%             price             +15%`, above the lines."""
    low, high = (percent(sign * scale.reach, sign=True) for sign in (-1, 1))
    word = "price"
    left = scale.middle - len(word) // 2 - len(low)
    right = scale.width - len(low) - left - len(word) - len(high)
    return f"{low}{' ' * left}{word}{' ' * right}{high}"


def fits(drawn: PriceRange, scale: Scale) -> bool:
    """Whether every strike finds a place of its own, though all were on one side."""
    return len(drawn.strikes) < scale.middle


def strike_line(drawn: PriceRange, scale: Scale) -> Text:
    """Strikes and expected range around the price.

    A strike is never hidden by the price or by another strike, and always on its side of the price: where several fall on one
    place, the farther ones move outwards.
    """
    signs, styles = [LINE] * scale.width, ["dim"] * scale.width
    if drawn.expected is not None:
        low, high = (scale.place(drawn.distance(edge)) for edge in drawn.expected)
        first, last = max(low, 0), min(high, scale.width - 1)
        signs[first : last + 1] = [EXPECTED] * (last + 1 - first)
    signs[scale.middle], styles[scale.middle] = PRICE, RED.bold if drawn.tested else CYAN.bold
    for at, sign, style in (*_marks(drawn, scale, -1), *_marks(drawn, scale, 1)):
        signs[at], styles[at] = sign, style
    return Text.assemble(*zip(signs, styles, strict=True))


def _marks(drawn: PriceRange, scale: Scale, side: int) -> Iterator[tuple[int, str, str]]:
    """The strikes on one side of the price, from the nearest on; those that are too far stand at the end of the line."""
    marks = sorted(
        (mark for mark in drawn.strikes if _side(mark, drawn) == side),
        key=lambda mark: (abs(mark.strike - drawn.price), mark.short),
    )
    end = 0 if side < 0 else scale.width - 1
    exceeded = bool(marks) and abs(drawn.distance(marks[-1].strike)) > scale.reach
    at = scale.middle
    for place, mark in enumerate(marks):
        farther = len(marks) - place - (0 if exceeded else 1)  # signs that still need a place
        ideal = side * scale.place(drawn.distance(mark.strike))
        at = side * min(max(ideal, side * at + 1), side * end - farther)
        letter = letter_of(mark.right)
        yield at, letter if mark.short else letter.lower(), RED.bold if mark.short else GREEN.style
    if exceeded:
        yield end, ABOVE if side > 0 else BELOW, "dim"


def _side(mark: Strike, drawn: PriceRange) -> int:
    """-1 below the price, 1 above it; at the price a put stands below it and a call above it."""
    if mark.strike == drawn.price:
        return 1 if mark.right is OptionType.CALL else -1
    return 1 if mark.strike > drawn.price else -1
