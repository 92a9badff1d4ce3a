"""When a file was exported: the earliest of its modification time, what it states, its name and its days to expiration. Pure.

A copy or an unpacked archive gets a new modification time and keeps the rest, so the earliest is right, or at least not too late:
old positions never pass for fresh ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct

from variance_bridge.model import Caution, utc
from variance_bridge_csv.dialect_format import date_formats
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field, TimeRules
from variance_bridge_csv.file.layout import Layout
from variance_bridge_csv.file.lines_and_cells import Line
from variance_bridge_csv.row.cell_values import CellFault
from variance_bridge_csv.row.columns import Column

_YEARS_OF_EXPORTS = range(1970, 2200)
"""Beyond them a time is a mistake of the file, and at the calendar's ends it has no equal in another zone."""

_DAY_ENDS = timedelta(hours=34)
"""A day that begins at 0:00 UTC has ended by then in every zone of the United States (Hawaii: UTC-10)."""
_DAY_BEGINS = -timedelta(hours=14)
"""And has not begun anywhere (Kiribati: UTC+14)."""
_ONE_DAY = timedelta(days=1)
CLOCK_TOLERANCE = timedelta(seconds=120)
"""By so much two clocks may differ; so far in the future a file's time may lie (the same as for documents)."""


class StatedTime(Struct, frozen=True, kw_only=True):
    """When a file says that it was true.

    Attributes:
        moment: UTC: an instant, or the close of a day.
        day: that day, where the file states no time of day.
        is_exact: with a time of day and its zone; without a zone the instant may be hours off.
    """

    moment: datetime
    day: date | None = None
    is_exact: bool = False


class ExportTime(Struct, frozen=True, kw_only=True):
    """When a file was true.

    Attributes:
        moment: UTC.
        caution: TIME_FROM_FILE: only the modification time says so; TIME_CONTRADICTED: the sources disagree.
        notes: what the user should know of it, without a value out of the file.
        source: which of them says so, for a person to read.
    """

    moment: datetime
    source: str
    caution: Caution | None = None
    notes: tuple[str, ...] = ()


def export_time(
    modified_at: datetime,
    *,
    stated: StatedTime | None = None,
    named_day: date | None = None,
    implied_day: date | None = None,
    rules: TimeRules,
) -> ExportTime:
    """The earliest of all that say when.

    Args:
        modified_at: the file's modification time, UTC.
        stated: what the file states; None where it states nothing.
        named_day: the date in the file's name.
        implied_day: the day from which the days to expiration count.
        rules: the dialect's; a day alone stands for its `day_ends`.
    """
    moment, origin = _own_time(modified_at, stated)
    notes = []
    if stated is not None and _contradicts(stated, modified_at):
        notes.append(
            f"it states a time newer than {modified_at:%Y-%m-%d %H:%M} UTC, when it was last changed;"
            " the older time counts"
        )
    for day, source, name in (
        (named_day, "its name says", "the date in its name"),
        (implied_day, "its days to expiration say", "its days to expiration"),
    ):
        if day is None:
            continue
        begins = datetime.combine(day, time(), UTC)
        if moment > begins + _DAY_ENDS:
            notes.append(
                f"{source} that it is from {day:%Y-%m-%d}, not {moment:%Y-%m-%d %H:%M} UTC; the older time counts"
            )
            moment, origin = utc(_close(day, rules)), name
        elif begins + _DAY_BEGINS - moment > _ONE_DAY:
            notes.append(_newer(f"{source} that it is from {day:%Y-%m-%d}, and", moment))
    caution = None
    if notes:
        caution = Caution.TIME_CONTRADICTED
    elif stated is None:
        caution = Caution.TIME_FROM_FILE
    return ExportTime(moment=moment, source=origin, caution=caution, notes=tuple(notes))


def _own_time(modified_at: datetime, stated: StatedTime | None) -> tuple[datetime, str]:
    """The earlier of the two, and which it is."""
    if stated is None:
        return modified_at, "its modification time; the file does not say"
    if stated.moment <= modified_at:
        return stated.moment, "the file says so"
    return modified_at, "its modification time; the file states a later time"


def _contradicts(stated: StatedTime, modified_at: datetime) -> bool:
    """Whether the file states a time at which it was already there, beyond what clocks and zones explain."""
    if stated.day is not None:
        return False
    return stated.moment - modified_at > (CLOCK_TOLERANCE if stated.is_exact else _ONE_DAY)


def _newer(source: str, moment: datetime) -> str:
    return f"{source} it is newer than {moment:%Y-%m-%d %H:%M} UTC; the older time counts"


def stated_time(lines: Iterable[Line], layout: Layout, dialect: Dialect) -> StatedTime | None:
    """When the file says that it was true: an instant, or a day alone; None when it says nothing that can be read.

    The earliest, where it says several. A day alone comes with the instant at which the market closed on it.
    """
    rules = dialect.time
    found = [one for one in (_moment(said, rules) for said in layout.moments) if one is not None]
    if found:
        return min(found, key=lambda one: one.moment)
    day = min(_row_days(lines, layout, dialect), default=None)
    return None if day is None else StatedTime(moment=utc(_close(day, rules)), day=day)


def _moment(said: Mapping[str, str], rules: TimeRules) -> StatedTime | None:
    day = date_formats.parse_period(said["date"], rules.dates, rules.months)
    if day is None or day.year not in _YEARS_OF_EXPORTS:
        return None
    zone = said.get("zone")
    time_of_day = date_formats.parse_time(said["time"], rules.times) if "time" in said else None
    if time_of_day is None:
        return StatedTime(moment=utc(_close(day, rules, zone)), day=day)
    is_exact = zone is not None and date_formats.zone(zone) is not None
    return StatedTime(moment=utc(_at(day, time_of_day, rules, zone)), is_exact=is_exact)


def _close(day: date, rules: TimeRules, zone: str | None = None) -> datetime:
    time_of_day = date_formats.parse_time(rules.day_ends, ("%H:%M",)) or time(16)
    return _at(day, time_of_day, rules, zone)


def _at(day: date, time_of_day: time, rules: TimeRules, zone: str | None) -> datetime:
    found = (date_formats.zone(zone) if zone else None) or date_formats.zone(rules.zone)
    return datetime.combine(day, time_of_day, tzinfo=found)


def _row_days(lines: Iterable[Line], layout: Layout, dialect: Dialect) -> Iterator[date]:
    """The days of the column that says how old each row is, where a header has one."""
    field = Field.AS_OF_DATE
    columns = {
        section.header.row.line: Column(section.header.columns[field], field, dialect)
        for section in layout.sections
        if field in section.header.columns
    }
    for section, row in layout.table_rows(lines) if columns else ():
        column = columns.get(section.header.row.line)
        if column is None or column.place >= len(row.cells):
            continue
        try:
            day = column.day[row.cells[column.place]]
        except CellFault:
            continue
        if day is not None and day.year in _YEARS_OF_EXPORTS:
            yield day
