"""An XML export as a table: each element that is a row becomes a line, its attributes the cells.

Entities, document types and references to other files are refused unread (defusedxml).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterator, Mapping, Sequence

from variance_bridge.errors import DataRefused
from variance_bridge.formatting import printable

_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body", b"<script")
_BLANK = b"\xef\xbb\xbf \t\r\n"


def as_table(
    data: bytes, elements: Mapping[str, tuple[str, ...]], errors: Collection[str], where: str
) -> bytes:
    """The rows of an XML file as CSV, line 1 with the names of all attributes; other data as it is.

    Args:
        data: the file.
        elements: names of the elements that are rows, each with the attributes that it has from the elements around it.
        errors: names of the elements that have a message of the broker where there are no rows.
        where: the file's name, for messages.

    Raises:
        DataRefused: XML that is damaged, that refers to something outside of it, or that has no such row.
    """
    start = data[:4096].lstrip(_BLANK).lower()
    if not start.startswith(b"<") or start.startswith(_PAGES) or b"<html" in start:
        return data
    messages: list[str] = []
    rows = list(_rows(data, elements, errors, messages, where))
    if not rows:
        raise _without_rows(elements, messages, where)
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([row.get(name, "").replace("\n", " ") for name in names] for row in rows)
    return text.getvalue().encode()


def _inherited(around: Sequence[Mapping[str, str]], names: tuple[str, ...]) -> Mapping[str, str]:
    """The attributes of these names of the elements around a row, the nearest first."""
    return {
        name: next((one[name] for one in reversed(around) if name in one), "") for name in names
    }


def _without_rows(elements: Collection[str], messages: Sequence[str], where: str) -> DataRefused:
    what = f"this XML file has no {' or '.join(sorted(elements))} in it"
    hint = (
        "include the section with the open positions in the query, or export the positions as CSV"
    )
    if messages:
        what += f'; the broker says: "{printable(messages[0], limit=120)}"'
        hint = "run the query again, and save its result instead of this answer"
    return DataRefused(what, where=f"{where}, line 1, column 1", hint=hint)


def _rows(
    data: bytes,
    elements: Mapping[str, tuple[str, ...]],
    errors: Collection[str],
    messages: list[str],
    where: str,
) -> Iterator[Mapping[str, str]]:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    try:
        around: list[Mapping[str, str]] = []
        for event, element in iterparse(io.BytesIO(data), events=("start", "end"), forbid_dtd=True):
            is_row = element.tag in elements
            if event == "start":
                around.append({} if is_row else dict(element.attrib))
                continue
            around.pop()
            if is_row:
                yield {**_inherited(around, elements[element.tag]), **element.attrib}
            elif element.tag in errors and element.text:
                messages.append(element.text)
            element.clear()
    except DefusedXmlException:
        raise DataRefused(
            "this XML file defines entities or a document type, which no broker's export does",
            where=where,
            hint="export the positions again",
        ) from None
    except ParseError as error:
        line, column = error.position
        raise DataRefused(
            "this XML file is damaged or cut off",
            where=f"{where}, line {line}, column {column + 1}",
            hint="export the positions again",
        ) from None
