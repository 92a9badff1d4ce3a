"""How a file was read, for a person who wants to trust it, or to write a dialect: each line's kind, each column, each total. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import click
from msgspec import Struct, structs

from variance_bridge.commands import instant_text, settled
from variance_bridge.errors import DataRefused
from variance_bridge.formatting import plural, printable
from variance_bridge.model import Caution, Holding, Portfolio
from variance_bridge_csv.accounts import AccountPart
from variance_bridge_csv.dialect.schema import Dialect
from variance_bridge_csv.file.layout import Header, read_header
from variance_bridge_csv.file.lines import Line
from variance_bridge_csv.name_matching import shown
from variance_bridge_csv.portfolio import notes, portfolio
from variance_bridge_csv.refusals import refuse_many_rejected
from variance_bridge_csv.settings import CsvSettings
from variance_bridge_csv.shape.places import places
from variance_bridge_csv.source import Source

_MAX_REJECTED = 20
_MARGIN = " " * len("Columns   ")
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
_TABLE = (
    "symbol",
    "side",
    "quantity",
    "average_price",
    "market_value",
    "unrealized_pl",
    "currency",
)
_HEADINGS = ["Symbol", "Side", "Quantity", "Price paid", "Value", "Profit", "Currency"]
_WORDS = 2
"""So many of them are words, and the others numbers."""
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def explain(source: Source) -> dict[str, Any]:
    """All of it as plain data: the JSON form of `variance csv explain`. No account number and no nickname is in it."""
    candidate, parsed = source.candidate, source.parsed
    refusals: list[str] = []
    outcomes = [_outcome(source, part, refusals) for part in parsed.accounts]
    _note_refusal(source, refusals)
    return {
        "file": source.file.shown,
        "encoding": candidate.text.encoding,
        "separated_by": candidate.separation.delimiter,
        "dialect": {
            "name": candidate.dialect.name,
            "title": candidate.dialect.title,
            "evidence": candidate.dialect.evidence,
            "first_seen": candidate.dialect.first_seen,
            "last_seen": candidate.dialect.last_seen,
            "because": list(_reasons(candidate.dialect, candidate.header)),
        },
        "time": {
            "fetched_at": instant_text(source.time.moment),
            "says_so": _time_source(source),
            "notes": list(source.time.notes),
        },
        "columns": _columns(candidate.dialect, candidate.header),
        "lines": [
            {"from": first, "to": last, "kind": kind}
            for first, last, kind in _runs(_kinds(source, outcomes))
        ],
        "accounts": [_account(source, one) for one in outcomes],
        "notes": [*notes(parsed), *dict.fromkeys(refusals)],
    }


class _Outcome(Struct, frozen=True):
    """What a sync makes of an account's part of the file.

    Attributes:
        part: the part.
        portfolio: the document's content.
        rejected: the lines of rows that can be read, and whose numbers contradict each other.
    """

    part: AccountPart
    portfolio: Portfolio
    rejected: Mapping[int, str]


def _outcome(source: Source, part: AccountPart, refusals: list[str]) -> _Outcome:
    time = source.time
    read = portfolio(source.parsed, part, fetched_at=time.moment, time_caution=time.caution)
    try:
        written = settled(read)
    except DataRefused as refusal:
        refusals.append(f"a sync refuses this: {refusal.what}")
        return _Outcome(part, read, {})
    already = len(read.meta.rejected)
    reasons = {one.symbol: one.reason.value for one in written.meta.rejected[already:]}
    rejected = {
        one.line: reasons[one.holding.symbol].replace("_", " ")
        for one in part.checked
        if one.holding is not None and one.holding.symbol in reasons
    }
    return _Outcome(part, written, rejected)


def _note_refusal(source: Source, refusals: list[str]) -> None:
    try:
        refuse_many_rejected(source.parsed, CsvSettings().max_rejected_percent, source.file.shown)
    except DataRefused as refusal:
        refusals.append(f"a sync refuses this: {refusal.what}")


def as_text(facts: Mapping[str, Any], width: int | None = None) -> str:
    """The same for people.

    Args:
        facts: what `explain` gives.
        width: of the terminal, at whose words lines are broken; None leaves them whole, for a file or a pipe.
    """
    lines = printable("\n".join(_text_lines(facts)), limit=1_000_000).split("\n")
    return "\n".join(lines if width is None else (_wrapped(line, width) for line in lines))


def _wrapped(line: str, width: int) -> str:
    head, rest = line[: len(_MARGIN)], line[len(_MARGIN) :]
    return click.wrap_text(rest, width, initial_indent=head, subsequent_indent=f"{_MARGIN}  ")


def _text_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    dialect, time = facts["dialect"], facts["time"]
    separated = _DELIMITERS.get(facts["separated_by"], facts["separated_by"])
    yield f"File      {facts['file']}: {facts['encoding']}, cells separated by {separated}"
    yield f"Format    {dialect['name']} ({dialect['title']})"
    yield f"          because {'; '.join(dialect['because'])}"
    if dialect["evidence"]:
        yield f"          known from {dialect['evidence']}"
    yield f"As of     {time['fetched_at']}: {time['says_so']}"
    yield from (f"          {note}" for note in time["notes"])
    columns = facts["columns"]
    yield "Columns   " + ", ".join(
        f'"{name}" is {field}' for name, field in columns["read"].items()
    )
    for key, title in (("known", "known, not used"), ("unknown", "not known, not used")):
        if columns[key]:
            yield f"          {title}: " + ", ".join(f'"{name}"' for name in columns[key])
    if columns["worked_out"]:
        yield f"          worked out from other cells: {', '.join(columns['worked_out'])}"
    yield from _line_lines(facts["lines"])
    for account in facts["accounts"]:
        yield from _account_lines(account)
    head = "Notes     "
    for note in facts["notes"]:
        yield f"{head}{note}"
        head = _MARGIN


def _line_lines(runs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Which lines are of each kind, the kinds in the order in which they come."""
    spans: dict[str, list[str]] = {}
    for run in runs:
        first, last = run["from"], run["to"]
        spans.setdefault(run["kind"], []).append(str(first) if first == last else f"{first}-{last}")
    head = "Lines     "
    for kind, found in spans.items():
        more = f" and {len(found) - _MAX_SPANS} more" if len(found) > _MAX_SPANS else ""
        yield f"{head}{_KINDS.get(kind, kind)}: {', '.join(found[:_MAX_SPANS])}{more}"
        head = _MARGIN


def _account_lines(account: Mapping[str, Any]) -> Iterator[str]:
    counts = account["counts"]
    others = (f"{count} {name}" for name, count in counts.items() if name != "positions")
    rows = ", ".join([plural(counts["positions"], "position"), *others])
    yield f"Account   {account['place']}: {rows}"
    for name in ("cash", "pending"):
        if account[name] is not None:
            yield f"          {name} {account[name]:,f}"
    total = account["total"]
    if account["subtotals_agree"] is not None:
        agree = "are" if account["subtotals_agree"] else "are NOT"
        yield f"          the subtotals {agree} the sums of their rows"
    elif total is None:
        yield "          no total to compare with"
    else:
        yield f"          {_compared(total, account)}"
    yield from _position_lines(account["positions"])
    for row in account["rejected"]:
        yield f"          line {row['line']}, column {row['column']} rejected: {row['reason']}"
    if account["cautions"]:
        words = (_caution(word, account["caution_lines"][word]) for word in account["cautions"])
        yield "          cautions: " + ", ".join(words)


def _position_lines(positions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The positions as they are understood, in columns, so that a person can compare them with the broker's own page."""
    if not positions:
        return
    shown_ones = positions[:_MAX_POSITIONS]
    table = [_HEADINGS, *([_cell(row[name]) for name in _TABLE] for row in shown_ones)]
    widths = [max(len(row[place]) for row in table) for place in range(len(_HEADINGS))]
    for row in table:
        cells = (
            text.ljust(width) if place < _WORDS else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield _MARGIN + "  ".join(cells).rstrip()
    if len(positions) > _MAX_POSITIONS:
        more = len(positions) - _MAX_POSITIONS
        yield f"{_MARGIN}and {more} more: `variance show FILE` shows them all"


def _cell(value: Any) -> str:
    return "-" if value is None else f"{value:,f}" if isinstance(value, Decimal) else str(value)


def _caution(word: str, lines: Sequence[int]) -> str:
    if not lines:
        return f"{word} (whole file)"
    listed = ", ".join(map(str, lines[:_MAX_CAUTION_LINES]))
    more = len(lines) - _MAX_CAUTION_LINES
    also = f" and {more} more" if more > 0 else ""
    return f"{word} ({'line' if len(lines) == 1 else 'lines'} {listed}{also})"


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


def _rows_sum(source: Source, part: AccountPart) -> Decimal | None:
    """What the rows of an account add up to; None where the file has subtotals instead, or rows that cannot be read."""
    check = source.parsed.dialect.check
    if check.subtotals or part.rejected_lines:
        return None
    values = [one.stated_value for one in part.checked]
    cash = part.cash if check.total_includes_cash else None
    return sum((value for value in (*values, cash) if value is not None), Decimal(0))


def _reasons(dialect: Dialect, header: Header) -> Iterator[str]:
    named = _as_written(dialect, header)
    names = {field: shown(named.row.cells[place]) for field, place in named.columns.items()}
    needs = [f'"{names[field]}"' for field in dialect.detect.needs if field in names]
    yield f"the header on line {header.row.line} has {', '.join(needs)}"
    own = [shown(cell) for cell in named.row.cells if cell in dialect.detect.evidence]
    if own:
        yield "only this format has " + ", ".join(f'"{name}"' for name in own)
    columns = sum(1 for cell in named.row.cells if cell.strip())
    yield f"{columns - len(named.unknown)} of its {plural(columns, 'column')} are known"


def _as_written(dialect: Dialect, header: Header) -> Header:
    """The header with the columns of the file alone, without those that are worked out from other cells."""
    row = header.row
    cells = row.cells[: len(row.cells) - len(row.derived)]
    written = read_header(structs.replace(row, cells=cells, derived=()), dialect)
    by_place, _currencies = places(cells, dialect)
    unknown = tuple(name for name in written.unknown if name in header.unknown)
    return structs.replace(written, columns={**written.columns, **by_place}, unknown=unknown)


def _time_source(source: Source) -> str:
    if source.time.caution is Caution.TIME_FROM_FILE:
        return "its modification time; the file does not say"
    if source.time.caution is Caution.TIME_CONTRADICTED:
        return "the earliest of several times that disagree"
    return "the file says so"


def _columns(dialect: Dialect, header: Header) -> dict[str, Any]:
    named = _as_written(dialect, header)
    meant = {place: field.value for field, place in named.columns.items()}
    read, known = {}, []
    for place, cell in enumerate(named.row.cells):
        name = shown(cell) if cell.strip() else f"column {place + 1}, without a name"
        if place in meant:
            read[name] = meant[place]
        elif cell.strip() and name not in named.unknown:
            known.append(name)
    return {
        "read": read,
        "known": known,
        "unknown": list(named.unknown),
        "worked_out": [one.value for one in header.row.derived if one not in named.columns],
    }


def _kinds(source: Source, outcomes: Iterable[_Outcome]) -> Iterator[tuple[int, str]]:
    """What each line of the file is."""
    layout, parsed = source.layout, source.parsed
    rows = {row.line: row.row_class.value for row in parsed.skipped}
    for one in outcomes:
        rows.update(
            (row.line, "closed" if row.holding is None else "position") for row in one.part.checked
        )
        rows.update((row.line, "rejected") for row in one.part.rejected_lines)
        rows.update(dict.fromkeys(one.rejected, "rejected"))
    headers = {section.header.row.line for section in layout.sections}
    inside = False
    for line in source.candidate.lines():
        if line.number in headers:
            inside = True
            yield line.number, "header"
        elif line.number in layout.ends:
            inside = False
            yield line.number, "another table"
        elif line.blank:
            yield line.number, "blank"
        elif line.number in rows:
            yield line.number, rows[line.number]
        elif line.number in layout.notes:
            yield line.number, "note"
        elif inside and not line.aside:
            yield line.number, "row"
        else:
            above = line.number in layout.titles
            yield line.number, "above" if above else _kind_outside(line, min(headers))


def _kind_outside(line: Line, first_header: int) -> str:
    """What a line is that is in no table that was read."""
    if line.aside:
        return "not read" if line.foreign else "another part"
    return "not read" if line.number > first_header or line.only_cell is None else "above"


def _runs(kinds: Iterable[tuple[int, str]]) -> Iterator[tuple[int, int, str]]:
    """Neighbouring lines of one kind as one run."""
    for kind, run in groupby(kinds, key=lambda one: one[1]):
        numbers = [number for number, _kind in run]
        yield numbers[0], numbers[-1], kind


def _account(source: Source, outcome: _Outcome) -> dict[str, Any]:
    part, written = outcome.part, outcome.portfolio
    check = source.parsed.dialect.check
    lines = {one.holding.symbol: one.line for one in part.checked if one.holding is not None}
    cautions: dict[str, list[int]] = {}
    counts: dict[str, int] = {}
    for flag in written.meta.flags:
        word, line = flag.caution.value, flag.row or lines.get(flag.symbol or "")
        counts[word] = counts.get(word, 0) + 1
        cautions.setdefault(word, []).extend([] if line is None else [line])
    rejected = [
        {"line": one.line, "column": one.column, "reason": one.describe()}
        for one in part.rejected_lines[:_MAX_REJECTED]
    ]
    rejected += [
        {"line": line, "column": 1, "reason": reason} for line, reason in outcome.rejected.items()
    ]
    return {
        "place": source.parsed.accounts.index(part) + 1,
        "counts": {
            "positions": len(written.positions),
            "closed": part.closed,
            "rejected": len(written.meta.rejected),
        },
        "positions": [
            _position(one, written.meta.currency)
            for one in sorted(written.positions, key=lambda one: lines.get(one.symbol, 0))
        ],
        "cash": part.cash,
        "pending": part.pending,
        "total": part.total,
        "total_agrees": part.total_agrees,
        "total_tolerance": check.total_tolerance,
        "not_compared": list(part.not_compared),
        "subtotals_agree": part.total_agrees if check.subtotals else None,
        "rows_sum": _rows_sum(source, part),
        "rejected": rejected[:_MAX_REJECTED],
        "cautions": counts,
        "caution_lines": cautions,
    }


def _position(one: Holding, of_account: str | None) -> dict[str, Any]:
    return {
        "symbol": one.symbol,
        "side": one.side.value,
        "quantity": one.quantity,
        "average_price": one.average_price,
        "market_value": one.market_value,
        "unrealized_pl": one.unrealized_pl,
        "currency": one.currency or of_account,
    }
