"""What a run hands from fetch to normalize, and what a recording keeps: the file's text and its dialect's table."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial
from typing import Any

from msgspec import Struct

from variance_bridge.broker import RawPortfolio
from variance_bridge.errors import DataRefused
from variance_bridge.formatting import repr_without
from variance_bridge.model import Caution
from variance_bridge_csv.dialect_format.dialect_options import Dialect
from variance_bridge_csv.file.header import find_header
from variance_bridge_csv.file.layout import lay_out
from variance_bridge_csv.file.lines_and_cells import Line, Separation, split
from variance_bridge_csv.rows_by_account import ParsedFile, parse
from variance_bridge_csv.shape.table import shaped


class FileText(Struct, frozen=True):
    """A file as it can be read again: two that are equal read the same.

    Attributes:
        where: the file's name, as it can be shown.
        text: the whole of it.
        table: the dialect to read it by, in plain data.
        as_of: the day of the file.
    """

    where: str
    text: str
    table: Mapping[str, Any]
    as_of: date

    __repr__ = repr_without("text", "table")

    def parse(self) -> ParsedFile:
        """What the file says.

        Raises:
            DataRefused: the text is not what its dialect says.
        """
        # Imported here: a sync that has just read the file has its dialect too.
        from variance_bridge_csv.dialect_format.dialect_file import read_dialect

        dialect = read_dialect(self.table, "the dialect of the payload")
        for delimiter in dialect.file.delimiters:
            separation = Separation(delimiter, dialect.file.spaces_around_quotes)
            lines = partial(self._lines, separation, dialect)
            header = find_header(lines(), dialect)
            if header is not None and header.fits:
                layout = lay_out(lines(), header, dialect, self.where)
                return parse(lines(), layout, dialect, self.as_of, self.where)
        raise DataRefused(
            f'the text is not written in the dialect "{dialect.name}"',
            where=f"{self.where}, line 1",
        )

    def _lines(self, separation: Separation, dialect: Dialect) -> Iterator[Line]:
        return shaped(partial(split, self.text, separation, self.where), dialect, self.where)


def pack(file: FileText, time_caution: Caution | None) -> dict[str, Any]:
    """The payloads of a `RawPortfolio`."""
    return {
        "file": file.where,
        "text": file.text,
        "dialect": copy.deepcopy(dict(file.table)),
        "time_from_file": time_caution is Caution.TIME_FROM_FILE,
        "time_contradicted": time_caution is Caution.TIME_CONTRADICTED,
    }


def unpack(raw: RawPortfolio) -> tuple[FileText, Caution | None]:
    """The file, and what a reader should know of its time.

    Raises:
        DataRefused: a recording that is damaged.
    """
    file = FileText(
        where=_member(raw, "file", str),
        text=_member(raw, "text", str),
        table=_member(raw, "dialect", Mapping),
        as_of=raw.fetched_at.date(),
    )
    if _member(raw, "time_from_file", bool):
        return file, Caution.TIME_FROM_FILE
    return file, Caution.TIME_CONTRADICTED if raw.payloads.get("time_contradicted") else None


def _member(raw: RawPortfolio, name: str, kind: type[Any]) -> Any:
    value = raw.payloads.get(name)
    if not isinstance(value, kind):
        raise DataRefused(f"the recorded file has no {name}", hint="fetch it again")
    return value
