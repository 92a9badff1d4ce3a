"""What makes no sense in a dialect, although its keys are known and its values are of the right kind."""

from __future__ import annotations

import re
from collections.abc import Iterator

from variance_bridge_csv.dialect_format import date_formats, regular_expressions
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field, Marked, RowClass
from variance_bridge_csv.name_matching import plain

_CAPTURE_GROUPS = frozenset({"account", "account_label", "date", "time", "zone", "simulated"})
_FILE_NAME_GROUPS = frozenset({"account", "nickname", "date"})
_SYMBOL_GROUPS = frozenset({"symbol", "multiplier"})
_ENCODINGS = frozenset({"utf-8", "cp1252", "latin-1", "utf-16", "gb18030"})
_WITH_AMOUNTS = frozenset({RowClass.POSITION, RowClass.MONEY_MARKET, RowClass.LOT})
_DELIMITERS = frozenset({",", ";", "\t", "|"})
_SEEN = re.compile(r"[0-9]{4}(?:-(?:0[1-9]|1[0-2]))?")
_THOUSANDS = frozenset({"", ",", ".", "'", " "})


def faults(dialect: Dialect) -> tuple[str, ...]:
    """Every fault, each with the key that it lies in."""
    return (
        *_identity(dialect),
        *_columns(dialect),
        *_detection(dialect),
        *_patterns(dialect),
        *_file(dialect),
        *_cells(dialect),
        *_formats(dialect),
        *_money(dialect),
        *_rows(dialect),
        *_time(dialect),
        *_shape(dialect),
        *_sections(dialect),
    )


def _identity(dialect: Dialect) -> Iterator[str]:
    name = dialect.name
    letters = name.replace("-", "").replace("_", "")
    if not (letters.isascii() and letters.isalnum()) or len(name) > 40:
        yield "name: letters, digits, - and _ only, at most 40"
    for key, seen in (("first_seen", dialect.first_seen), ("last_seen", dialect.last_seen)):
        if seen and not _SEEN.fullmatch(seen):
            yield f"{key}: a year, or a year and a month: 2026-01"
    if dialect.first_seen[:4] > dialect.last_seen[:4] and dialect.last_seen:
        yield "first_seen: later than last_seen"


def _columns(dialect: Dialect) -> Iterator[str]:
    if not dialect.columns:
        yield "columns: a dialect needs columns"
    claimed: dict[str, str] = {}
    for field, names in dialect.columns.items():
        if not names:
            yield f"columns.{field}: needs at least one name"
        if any(not plain(name) for name in names):
            yield f"columns.{field}: a name must not be empty; [[column]] finds a column without a name"
        for name in names:
            owner = claimed.setdefault(plain(name), field)
            if owner != field:
                yield f"columns.{field}: {name!r} already means {owner}"
    for name in dialect.header.known:
        if plain(name) in claimed:
            yield f"header.known: {name!r} already means {claimed[plain(name)]}"


def _detection(dialect: Dialect) -> Iterator[str]:
    if not dialect.detect.needs:
        yield "detect.needs: needs at least one field"
    placed = {place.field for place in dialect.places}
    for place, field in enumerate(dialect.detect.needs):
        # The first is how a header is noticed, so it needs names.
        if not dialect.columns.get(field) and (field not in placed or place == 0):
            yield f"detect.needs: {field} has no column"
    for group in dialect.detect.needs_one_of:
        if not set(group) & dialect.columns.keys():
            yield f"detect.needs_one_of: none of {', '.join(group)} has a column"
    if dialect.header.search_lines < 1:
        yield "header.search_lines: at least 1"


def _all_patterns(dialect: Dialect) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Every pattern: its place, itself, and the groups that it may have."""
    for pattern in dialect.file.names:
        yield "file.names", pattern, _FILE_NAME_GROUPS
    if dialect.detect.before_header is not None:
        yield "detect.before_header", dialect.detect.before_header, frozenset()
    if dialect.account.simulated is not None:
        yield "account.simulated", dialect.account.simulated, frozenset()
    if dialect.detect.date_like is not None:
        yield "detect.date_like", dialect.detect.date_like, frozenset()
    for place, capture in enumerate(dialect.captures):
        yield f"capture[{place}].pattern", capture.pattern, _CAPTURE_GROUPS
    for place, rule in enumerate(dialect.rows):
        for field, pattern in rule.matches.items():
            yield f"row[{place}].matches.{field}", pattern, frozenset()
        if rule.first_cell is not None:
            yield f"row[{place}].first_cell", rule.first_cell, frozenset()
    if dialect.symbol.pattern is not None:
        yield "symbol.pattern", dialect.symbol.pattern, _SYMBOL_GROUPS
    yield from _patterns_of_shape(dialect)


def _patterns_of_shape(dialect: Dialect) -> Iterator[tuple[str, str, frozenset[str]]]:
    """Those of what stands outside of a cell."""
    for place, part in enumerate(dialect.parts):
        yield f"part[{place}].pattern", part.pattern, frozenset(Field)
    for place, column in enumerate(dialect.places):
        if column.matches is not None:
            yield f"column[{place}].matches", column.matches, frozenset({"currency"})
    if dialect.hierarchy is not None:
        yield "hierarchy.parent", dialect.hierarchy.parent, frozenset()
        yield "hierarchy.outside", dialect.hierarchy.outside, frozenset()
        for pattern in dialect.hierarchy.own_symbol:
            yield "hierarchy.own_symbol", pattern, frozenset()


def _shape(dialect: Dialect) -> Iterator[str]:
    for place, column in enumerate(dialect.places):
        if [bool(column.after), bool(column.name), column.matches is not None].count(True) != 1:
            yield f"column[{place}]: exactly one of after, name and matches"
        if column.nth < 1:
            yield f"column[{place}].nth: counted from 1"
    for place, part in enumerate(dialect.parts):
        if any(divisor <= 0 for divisor in part.divide_by.values()):
            yield f"part[{place}].divide_by: more than 0"
    if dialect.hierarchy is not None:
        for field in (Field.SYMBOL, Field.QUANTITY):
            if field not in dialect.columns:
                yield f"hierarchy: needs a column for {field}"


def _sections(dialect: Dialect) -> Iterator[str]:
    sections = dialect.sections
    if sections is None:
        if dialect.joins:
            yield "join: needs [sections]"
        return
    if not sections.tables:
        yield "sections.tables: needs at least one name"
    if sections.marked is Marked.BY_CELLS and not sections.begins:
        yield "sections.begins: needs at least one word"
    if min(sections.name_cell, sections.kind_cell) < 1:
        yield "sections: cells are counted from 1"


def _patterns(dialect: Dialect) -> Iterator[str]:
    for place, pattern, groups in _all_patterns(dialect):
        problem = regular_expressions.fault(pattern)
        if problem:
            yield f"{place}: the pattern {problem}"
            continue
        for group in sorted(regular_expressions.group_names(pattern) - groups):
            yield f"{place}: the group {group!r} means nothing here"


def _file(dialect: Dialect) -> Iterator[str]:
    for key, values, allowed in (
        ("encodings", dialect.file.encodings, _ENCODINGS),
        ("delimiters", dialect.file.delimiters, _DELIMITERS),
    ):
        if not values:
            yield f"file.{key}: needs at least one"
        for value in values:
            if value not in allowed:
                yield f"file.{key}: {value!r} is none of {', '.join(map(repr, sorted(allowed)))}"


def _cells(dialect: Dialect) -> Iterator[str]:
    rules = dialect.cells
    if rules.decimal not in {".", ","}:
        yield "cells.decimal: . or ,"
    if rules.thousands not in _THOUSANDS or rules.thousands == rules.decimal:
        yield "cells.thousands: one of , . ' a blank, or nothing, and not the decimal mark"
    for sign in rules.currency_signs:
        if not sign or any(character in "0123456789+-.,()" for character in sign):
            yield "cells.currency_signs: no digits, signs, marks or parentheses"


def _formats(dialect: Dialect) -> Iterator[str]:
    every = [
        ("cells.dates", dialect.cells.dates),
        ("time.dates", dialect.time.dates),
        ("time.times", dialect.time.times),
        *(
            (f"cells.column_dates.{field}", formats)
            for field, formats in dialect.cells.column_dates.items()
        ),
    ]
    for place, formats in every:
        for date_format in formats:
            problem = date_formats.date_format_fault(date_format)
            if problem:
                yield f"{place}: {date_format!r} {problem}"


def _money(dialect: Dialect) -> Iterator[str]:
    currency = dialect.account.currency
    if currency is not None and not (
        len(currency) == 3 and currency.isascii() and currency.isalpha() and currency.isupper()
    ):
        yield "account.currency: an ISO 4217 code"
    if dialect.money.bond_price_per <= 0:
        yield "money.bond_price_per: more than 0"
    if not dialect.multiplier.sources:
        yield "multiplier.sources: needs at least one"
    for word in dialect.quantity.side_words.values():
        if word not in {"long", "short"}:
            yield "quantity.side_words: each is long or short"


def _rows(dialect: Dialect) -> Iterator[str]:
    for place, rule in enumerate(dialect.rows):
        if rule.without and rule.is_ not in _WITH_AMOUNTS:
            yield f"row[{place}].without: only rows that become positions have amounts to leave out; not {rule.is_}"


def _time(dialect: Dialect) -> Iterator[str]:
    if date_formats.zone(dialect.time.zone) is None:
        yield f"time.zone: {dialect.time.zone!r} is no IANA time zone"
    if date_formats.parse_time(dialect.time.day_ends, ("%H:%M",)) is None:
        yield "time.day_ends: HH:MM"
    for name, number in dialect.time.months.items():
        if name != name.lower() or not 1 <= number <= 12:
            yield f"time.months: {name!r} must be in lower case, with a number from 1 to 12"
