"""Words and numbers as cells of a table on the terminal."""

from __future__ import annotations

from decimal import Decimal

from rich.text import Text

from variance_bridge.formatting import money
from variance_bridge.terminal import GREEN, RED


def left(text: Text, width: int) -> Text:
    """A word, cut where it is too long."""
    text.truncate(width, overflow="ellipsis", pad=True)
    return text


def right(text: Text, width: int) -> Text:
    """A number, never cut."""
    return Text(" " * max(0, width - text.cell_len)).append_text(text)


def gain(amount: Decimal | None, currency: str | None) -> Text:
    """An amount of money in the colour of gain or loss."""
    text = money(amount, currency, sign=True)
    style = "" if not amount else GREEN.style if amount > 0 else RED.style
    return Text(text, style=style)
