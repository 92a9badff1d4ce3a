"""How a file was read, for a person who wants to trust it, or to write a dialect: each line's kind, each column, each total. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import groupby
from typing import Any

from msgspec import Struct, structs

from variance_bridge.commands import instant_text, settled
from variance_bridge.errors import DataRefused
from variance_bridge.formatting import plural
from variance_bridge.model import Holding, Portfolio
from variance_bridge_csv.dialect_format.dialect_options import Dialect
from variance_bridge_csv.file.header import Header, read_header
from variance_bridge_csv.file.lines_and_cells import Line
from variance_bridge_csv.file_refusals import refuse_many_rejected
from variance_bridge_csv.name_matching import shown
from variance_bridge_csv.notes import notes
from variance_bridge_csv.portfolio import portfolio
from variance_bridge_csv.rows_by_account import AccountPart
from variance_bridge_csv.settings import CsvSettings
from variance_bridge_csv.shape.nameless_columns import places
from variance_bridge_csv.whole_file import Source

_MAX_REJECTED = 20


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
            "says_so": source.time.source,
            "notes": list(source.time.notes),
        },
        "columns": _columns(candidate.dialect, candidate.header),
        "lines": [
            {"from": first, "to": last, "kind": kind}
            for first, last, kind in _runs(_kinds(source, outcomes))
        ],
        "accounts": [_account(source, one) for one in outcomes],
        "notes": [*notes(parsed, source.time.moment.date()), *dict.fromkeys(refusals)],
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
    reasons = {one.symbol: one.reason.sentence for one in written.meta.rejected[already:]}
    rejected = {
        one.line: reasons[one.holding.symbol]
        for one in part.checked
        if one.holding is not None and one.holding.symbol in reasons
    }
    return _Outcome(part, written, rejected)


def _note_refusal(source: Source, refusals: list[str]) -> None:
    try:
        refuse_many_rejected(source.parsed, CsvSettings().max_rejected_percent, source.file.shown)
    except DataRefused as refusal:
        refusals.append(f"a sync refuses this: {refusal.what}")


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
