"""`variance csv explain` on the screen: sections of lines and tables that fit 40 columns. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import click
from msgspec import Struct

from variance_bridge.formatting import ROW_REJECTED, plural, printable
from variance_bridge.symbology import contract_name
from variance_bridge.terminal import RED, YELLOW, Colour, at_words
from variance_bridge_csv.file.lines_and_cells import DELIMITERS

_WIDE = 60
"""From so many columns on, the headings of sections stand beside them."""
_MARGIN = len("Columns   ")
_NARROW_MARGIN = 2
_MAX_SPANS = 20
_MAX_CAUTION_LINES = 5
_MAX_POSITIONS = 20
_KINDS = {
    "above": "text above the table",
    "header": "names of the columns",
    "position": "positions",
    "closed": "closed positions",
    "lot": "tax lots",
    "subtotal": "subtotals",
    "label": "labels",
    "footer": "footers",
    "ignore": "ignored",
    "note": "titles, accounts, times",
    "another table": "another table begins",
    "not read": "of another table, not read",
    "another part": "other parts of the file",
}
"""What the kinds of lines are called on the screen, where the word alone does not say it."""
_MEANINGS = {
    "account": "the account",
    "account_label": "the account's name",
    "underlying": "the underlying",
    "type": "kind of instrument",
    "level": "level of detail",
    "row_kind": "what the row is",
    "side": "long or short",
    "option_type": "put or call",
    "dte": "days to expiration",
    "rate_to_base": "rate to the account's currency",
    "cost_per_unit": "price paid, of one",
    "cost_total": "paid or received, in all",
    "mark": "price now",
    "last": "last price",
    "underlying_price": "price of the underlying",
    "value": "value now",
    "gain": "open profit or loss",
    "day_gain": "today's profit or loss",
    "open_date": "day it was opened",
    "as_of_date": "day of the prices",
    "beta_delta": "beta-weighted delta",
    "beta_gamma": "beta-weighted gamma",
}
"""What a column is called on the screen, where the field's name alone does not say it."""
_POSITION = {
    "symbol": "Position",
    "side": "Side",
    "quantity": "Quantity",
    "average_price": "Price paid",
    "market_value": "Value",
    "unrealized_pl": "Profit",
    "currency": "Currency",
}
"""The columns of the positions. The first two are words, the others numbers."""
_DISPENSABLE = ("currency", "average_price")
"""What goes where the terminal is too narrow for all, in this order."""
_WORDS = 2
_BAD, _DOUBTFUL = RED, YELLOW


class _Line(Struct, frozen=True):
    """A line of a section.

    Attributes:
        text: is broken at words.
        colour: of the whole line.
        aligned: columns below which its second line begins; None for the margin and two.
        whole: it is part of a table and fits.
    """

    text: str
    colour: Colour | None = None
    aligned: int | None = None
    whole: bool = False


def as_text(facts: Mapping[str, Any], width: int | None = None, *, colour: bool = False) -> str:
    """What `explain` gives, for people.

    Args:
        facts: of the file.
        width: of the terminal, at whose words lines are broken; None leaves them whole, for a file or a pipe.
        colour: whether headings are bold, and doubts and rejected rows coloured.
    """
    beside = width is None or width >= _WIDE
    margin = _MARGIN if beside else _NARROW_MARGIN
    lines: list[str] = []
    for heading, body in _sections(facts, None if width is None else width - margin):
        first = heading.ljust(margin) if beside else " " * margin
        if not beside:
            lines.append(_styled(heading, colour=colour, bold=True))
        for each in body:
            shown = _laid(each, width, first, margin)
            head, rest = shown[: len(first)], shown[len(first) :]
            lines.append(
                _styled(head, colour=colour and bool(head.strip()), bold=True)
                + _styled(
                    rest,
                    colour=colour and each.colour is not None,
                    fg=each.colour and each.colour.fg,
                )
            )
            first = " " * margin
    return "\n".join(lines)


def _styled(text: str, *, colour: bool, **style: Any) -> str:
    return click.style(text, **style) if colour else text


def _laid(line: _Line, width: int | None, first: str, margin: int) -> str:
    text = printable(line.text, limit=100_000)
    if width is None or line.whole:
        return f"{first}{text}"
    later = " " * (margin + (2 if line.aligned is None else line.aligned))
    return at_words(text.lstrip(" "), width, first=first + " " * _indent(text), later=later)


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" "))


def _sections(facts: Mapping[str, Any], room: int | None) -> Iterator[tuple[str, Sequence[_Line]]]:
    dialect, time = facts["dialect"], facts["time"]
    separated = DELIMITERS.get(facts["separated_by"], facts["separated_by"])
    yield "File", [_Line(f"{facts['file']}: {facts['encoding']}, cells separated by {separated}")]
    known = [f"known from {dialect['evidence']}"] if dialect["evidence"] else []
    because = f"because {'; '.join(dialect['because'])}"
    named = f"{dialect['name']} ({dialect['title']})"
    yield "Format", [_Line(each) for each in (named, because, *known)]
    moment = datetime.fromisoformat(time["fetched_at"])
    notes = [_Line(note, _DOUBTFUL) for note in time["notes"]]
    yield "As of", [_Line(f"{moment:%Y-%m-%d %H:%M} UTC: {time['says_so']}"), *notes]
    yield "Columns", list(_columns(facts["columns"], room))
    yield "Lines", list(_kinds_of_lines(facts))
    for account in facts["accounts"]:
        yield "Account", list(_account(account, room))
    notes = [_Line(note, _DOUBTFUL) for note in facts["notes"] if not _is_of_rejected(note)]
    if notes:
        yield "Notes", notes


def _is_of_rejected(note: str) -> bool:
    """Whether it speaks of rows that are listed with their account."""
    return ROW_REJECTED in note or note.endswith(" rejected: see meta.rejected")


def _columns(columns: Mapping[str, Any], room: int | None) -> Iterator[_Line]:
    """Each column of the file and what it means, below each other."""
    rows = [
        *((name, _meaning(field)) for name, field in columns["read"].items()),
        *((name, "known, not used") for name in columns["known"]),
        *((name, "not known, not used") for name in columns["unknown"]),
    ]
    most = 40 if room is None else max(12, room // 2)
    length = min(most, max((len(name) for name, _meaning in rows), default=0))
    for name, meaning in rows:
        yield _Line(
            f"{name:<{length}}  {meaning}",
            _DOUBTFUL if meaning.startswith("not known") else None,
            aligned=length + 2,
        )
    if columns["worked_out"]:
        yield _Line(
            f"worked out from other cells: {', '.join(map(_meaning, columns['worked_out']))}"
        )


def _meaning(field: str) -> str:
    return _MEANINGS.get(field, field.replace("_", " "))


def _kinds_of_lines(facts: Mapping[str, Any]) -> Iterator[_Line]:
    """Which lines are of each kind, the kinds in the order in which they come. Rejected ones are named with their account."""
    spans: dict[str, list[str]] = {}
    for run in facts["lines"]:
        first, last = run["from"], run["to"]
        spans.setdefault(run["kind"], []).append(str(first) if first == last else f"{first}-{last}")
    for kind, found in spans.items():
        if kind == "rejected":
            continue
        more = f" and {len(found) - _MAX_SPANS} more" if len(found) > _MAX_SPANS else ""
        yield _Line(f"{_KINDS.get(kind, kind)}: {', '.join(found[:_MAX_SPANS])}{more}")


def _account(account: Mapping[str, Any], room: int | None) -> Iterator[_Line]:
    counts = account["counts"]
    others = (f"{count} {name}" for name, count in counts.items() if count and name != "positions")
    rows = ", ".join([plural(counts["positions"], "position"), *others])
    yield _Line(f"{account['place']}: {rows}")
    for name in ("cash", "pending"):
        if account[name] is not None:
            yield _Line(f"{name} {account[name]:,f}")
    yield _agreement(account)
    yield from _positions(account["positions"], room)
    rejected = account["rejected"]
    for row in rejected:
        yield _Line(f"line {row['line']} rejected: {row['reason']}", _BAD)
    if counts["rejected"] > len(rejected):
        yield _Line(f"and {counts['rejected'] - len(rejected)} more rejected", _BAD)
    cautions = [_caution(word, account["caution_lines"][word]) for word in account["cautions"]]
    if any(cautions):
        yield _Line(f"cautions: {', '.join(filter(None, cautions))}", _DOUBTFUL)


def _agreement(account: Mapping[str, Any]) -> _Line:
    """Whether the file's own sums are those of its rows."""
    if account["subtotals_agree"] is not None:
        agree = "are" if account["subtotals_agree"] else "are NOT"
        text = f"the subtotals {agree} the sums of their rows"
    elif account["total"] is None:
        text = "no total to compare with"
    else:
        text = _compared(account["total"], account)
    return _Line(text, _BAD if " NOT " in text else None)


def _positions(positions: Sequence[Mapping[str, Any]], room: int | None) -> Iterator[_Line]:
    """The positions as they are understood, so that a person can compare them with the broker's own page."""
    if not positions:
        return
    shown = positions[:_MAX_POSITIONS]
    dropped: tuple[str, ...] = ()
    for dropped in ((), _DISPENSABLE[:1], _DISPENSABLE):
        table = list(_aligned(shown, [name for name in _POSITION if name not in dropped]))
        if room is None or max(map(len, table)) <= room:
            yield from (_Line(row, whole=True) for row in table)
            break
    else:
        for row in shown:
            yield _Line(contract_name(str(row["symbol"])))
            yield _Line(f"  {_described(row)}", aligned=2)
    if len(positions) > _MAX_POSITIONS:
        more = len(positions) - _MAX_POSITIONS
        yield _Line(f"and {more} more: `variance show FILE` shows them all")


def _aligned(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[str]:
    """The columns of that name below their headings."""
    table = [[_POSITION[name] for name in names]]
    table += [
        [_cell(contract_name(row[name]) if name == "symbol" else row[name]) for name in names]
        for row in rows
    ]
    widths = [max(len(row[place]) for row in table) for place in range(len(names))]
    for row in table:
        cells = (
            text.ljust(width) if place < _WORDS else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()


def _described(row: Mapping[str, Any]) -> str:
    """`short 2, value -720.00, profit -20 USD`: for a terminal that has no room for columns."""
    parts = [f"{row['side']} {_cell(row['quantity'])}"]
    for name, word in (("market_value", "value"), ("unrealized_pl", "profit")):
        if row[name] is not None:
            parts.append(f"{word} {_cell(row[name])}")
    return f"{', '.join(parts)} {row['currency'] or ''}".rstrip()


def _cell(value: Any) -> str:
    """Numbers as exact as they are read, without zeros that say nothing."""
    if value is None:
        return "-"
    if not isinstance(value, Decimal):
        return str(value)
    exact = f"{value:,f}"
    whole, point, places = exact.partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')}" if point and places.strip("0") else whole


def _caution(word: str, lines: Sequence[int]) -> str:
    """`cost unknown (line 12)`; nothing of the time, of which the section "As of" speaks."""
    if word == "time_from_file":
        return ""
    said = word.replace("_", " ")
    if not lines:
        return f"{said} (whole file)"
    listed = ", ".join(map(str, lines[:_MAX_CAUTION_LINES]))
    more = len(lines) - _MAX_CAUTION_LINES
    also = f" and {more} more" if more > 0 else ""
    return f"{said} ({'line' if len(lines) == 1 else 'lines'} {listed}{also})"


def _compared(total: Decimal, account: Mapping[str, Any]) -> str:
    """What the total says beside the rows."""
    agrees, rows = account["total_agrees"], account["rows_sum"]
    if account["not_compared"]:
        return (
            f"the total {total:,f} is not compared: rows in {' and '.join(account['not_compared'])}"
        )
    if rows is None or rows == total:
        return f"the total {total:,f} {'is' if agrees else 'is NOT'} the sum of the rows"
    if agrees:
        tolerance = account["total_tolerance"]
        return f"the total {total:,f} is within the tolerance ({tolerance:,f}) of the sum of the rows, {rows:,f}"
    return f"the total {total:,f} is NOT the sum of the rows, {rows:,f}"
