"""What the user should know of a file that was read: what a sync and `variance csv explain` say of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from variance_bridge.formatting import ROW_REJECTED, plural
from variance_bridge.model import Caution
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field
from variance_bridge_csv.portfolio import balances_of, promises_balances
from variance_bridge_csv.rows_by_account import AccountPart, ParsedFile
from variance_bridge_csv.table_rows import RejectedLine

_MAX_LISTED = 5
_MAX_LISTED_AFTER_EXPIRY = timedelta(days=7)
"""How long brokers list what has expired: until exercise and assignment are settled, holidays included (our estimate)."""


def notes(parsed: ParsedFile, day: date) -> Iterator[str]:
    """What the user should know of the file, which is of that day, without a value out of it."""
    dialect = parsed.dialect
    if dialect.account.leaves_out is not None:
        yield f"this is not the whole account: the file leaves out {dialect.account.leaves_out}"
    if dialect.detect.only_named:
        pairs = ", ".join(f'{field} from "{name}"' for field, name in parsed.understood.items())
        comma = " and with a decimal comma" if dialect.cells.decimal == "," else ""
        yield f"read by the names of its columns{comma}, unconfirmed: {pairs}"
    if parsed.unknown_columns:
        names = ", ".join(f'"{name}"' for name in parsed.unknown_columns[:_MAX_LISTED])
        more = len(parsed.unknown_columns) - _MAX_LISTED
        yield (
            f'columns that the dialect "{parsed.dialect.name}" does not know, not read: {names}'
            + (f" and {more} more" if more > 0 else "")
        )
    if parsed.titles:
        yield _on_titles(parsed.titles)
    if parsed.other_tables:
        yield _on_other_tables(parsed)
    yield from _on_rejected(parsed)
    for part in parsed.accounts:
        yield from _notes_on_rows(parsed, part)
        if expired := _long_expired(part, day):
            yield (
                f"{_listed(expired)}: expired more than {_MAX_LISTED_AFTER_EXPIRY.days} days before the file's date: "
                "check the expiration in the file, or the date that the file is read as"
            )
    if not parsed.complete:
        yield (
            "the end of a complete file is missing: it may be cut off; export it again"
            " (flag possibly_truncated)"
        )


def _listed(lines: Sequence[int]) -> str:
    """`line 2`, `lines 2, 5`, `lines 2, 5, 6, 7, 8 and 3 more`."""
    listed = ", ".join(map(str, lines[:_MAX_LISTED]))
    more = f" and {len(lines) - _MAX_LISTED} more" if len(lines) > _MAX_LISTED else ""
    return f"{'line' if len(lines) == 1 else 'lines'} {listed}{more}"


def _on_titles(lines: Sequence[int]) -> str:
    return (
        f"{_listed(lines)} above the table: not read; in a dialect of your own, [[capture]] takes an account or a date "
        "from such a line, and detect.before_header knows the file by its title"
    )


def _on_other_tables(parsed: ParsedFile) -> str:
    first, *more = parsed.other_tables
    also = ""
    if more:
        listed = ", ".join(map(str, more[: _MAX_LISTED - 1]))
        also = f" (and at {listed}{' and more' if len(more) >= _MAX_LISTED else ''})"
    return f"line {first}: another table begins{also}, which is not in this format: {plural(parsed.unknown_lines, 'line')} not read"


def _on_rejected(parsed: ParsedFile) -> Iterator[str]:
    """Why rows were rejected. One that names no account is rejected in every document, and is one row all the same."""
    rejected = {one.line: one for part in parsed.accounts for one in part.rejected_lines}
    reasons: dict[str, list[RejectedLine]] = {}
    for line in sorted(rejected):
        reasons.setdefault(rejected[line].describe(), []).append(rejected[line])
    for reason, lines in list(reasons.items())[:_MAX_LISTED]:
        first, more = lines[0], len(lines) - 1
        same = f"; {plural(more, 'more row')} for the same reason" if more else ""
        yield f"line {first.line}{ROW_REJECTED}{reason}{same}"
    others = sum(len(lines) for lines in list(reasons.values())[_MAX_LISTED:])
    if others:
        yield f"{plural(others, 'more row')} rejected: see meta.rejected"


def _notes_on_rows(parsed: ParsedFile, part: AccountPart) -> Iterator[str]:
    doubted = _lines_with(part, Caution.COST_CONTRADICTED)
    if doubted:
        yield (
            f"cost, profit and price contradict each other in {len(doubted)} of {len(part.positions)} "
            f"positions ({_listed(doubted)}; flag cost_contradicted)"
        )
    unvalued = _lines_with(part, Caution.MULTIPLIER_UNKNOWN)
    if unvalued:
        yield (
            f"{_have(unvalued)} an unknown multiplier: totals are as the file states them, and nothing is computed from "
            f"a price{_missing_column(parsed)} (flag multiplier_unknown)"
        )
    unread = _lines_with(part, Caution.NUMBER_UNREADABLE)
    if unread:
        yield (
            f"{_have(unread)} a number that cannot be read and was left out; if the file was "
            "saved from a spreadsheet program, export it again (flag number_unreadable)"
        )
    if part.cash_unread:
        yield f"line {part.cash_unread[0]}: this amount of cash is missing, cannot be read or stands there twice, so the document has no balances"
    elif (
        parsed.dialect.account.balances
        and part.total_agrees is not False
        and promises_balances(part, parsed)
        and balances_of(part, parsed) is None
    ):
        lack = _what_they_lack(part, parsed.dialect)
        yield f"the document has no balances: {lack} (flag balances_missing)"
    if part.not_compared:
        yield f"the file's total is not compared: rows in {' and '.join(part.not_compared)}"
    if part.total_agrees is False:
        yield (
            f"the file's total{_of_account(parsed, part)} is not the sum of its rows: `variance csv explain FILE` shows both "
            "(flag total_disagrees)"
        )


def _of_account(parsed: ParsedFile, part: AccountPart) -> str:
    """Which account it is about, by its first line, where the totals of others agree."""
    is_one_of_several = any(each.total_agrees is not False for each in parsed.accounts)
    lines = [each.line for each in part.checked]
    return (
        f" of the account that begins in line {min(lines)}" if is_one_of_several and lines else ""
    )


def _what_they_lack(part: AccountPart, dialect: Dialect) -> str:
    """Why an account has no balances although its dialect says that the file states them."""
    if dialect.account.currency is None:
        return "the dialect does not say in which currency they are (account.currency)"
    if part.cash is None:
        return "no row is cash"
    if part.total is None:
        return "no row is the total"
    return "the cash or the total is in a currency that is not the account's"


def _missing_column(parsed: ParsedFile) -> str:
    """What to add to the export, where the format has a column for the multiplier and this file does not."""
    names = parsed.dialect.columns.get(Field.MULTIPLIER, ())
    if not names or Field.MULTIPLIER in parsed.understood:
        return ""
    return f'; add the column "{names[0]}" to the export'


def _have(lines: Sequence[int]) -> str:
    return f"{plural(len(lines), 'position')} ({_listed(lines)}) {'has' if len(lines) == 1 else 'have'}"


def _long_expired(part: AccountPart, day: date) -> Sequence[int]:
    """The lines of positions that expired so long before the file's day that no broker still lists them."""
    last = day - _MAX_LISTED_AFTER_EXPIRY
    return [
        one.line
        for one in part.checked
        if one.holding is not None
        and one.holding.expiration is not None
        and one.holding.expiration < last
    ]


def _lines_with(part: AccountPart, caution: Caution) -> Sequence[int]:
    return [one.line for one in part.checked if caution in one.cautions]
