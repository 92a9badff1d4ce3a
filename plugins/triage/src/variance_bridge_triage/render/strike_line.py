"""The strikes of a strategy and the price of its underlying as one line of text."""

from __future__ import annotations

from decimal import Decimal

from rich.text import Text

from variance_bridge_triage.render.price_range import PriceRange

MIN_WIDTH = 18
MAX_WIDTH = 36
PRICE, SHORT, LONG, EXPECTED, LINE = "●", "┃", "│", "━", "─"
LEGEND = (
    f"{SHORT} short strike  {LONG} long strike  {PRICE} price  "
    f"{EXPECTED} one standard deviation to expiration"
)


def strike_line(drawn: PriceRange, width: int) -> Text:
    """Strikes, price and expected range on a scale of `width` characters. The price hides a strike at its place."""

    def place(amount: Decimal) -> int:
        return min(width - 1, max(0, int(drawn.share(amount) * width)))

    signs, styles = [LINE] * width, ["dim"] * width
    if drawn.expected is not None:
        low, high = map(place, drawn.expected)
        signs[low : high + 1] = [EXPECTED] * (high + 1 - low)
    for mark in sorted(drawn.strikes, key=lambda each: each.short):
        at = place(mark.strike)
        signs[at] = SHORT if mark.short else LONG
        styles[at] = "bold red" if mark.short else "green"
    at = place(drawn.price)
    signs[at], styles[at] = PRICE, "bold red" if drawn.tested else "bold cyan"
    return Text.assemble(*zip(signs, styles, strict=True))
