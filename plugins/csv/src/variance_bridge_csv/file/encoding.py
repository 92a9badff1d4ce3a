"""From bytes to text: encodings, and files that are something else altogether."""

from __future__ import annotations

import codecs

from msgspec import Struct

from variance_bridge.errors import DataRefused
from variance_bridge.formatting import repr_without

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "an Excel workbook or another zip archive"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook of the old format"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"SQLite format 3\x00", "a database"),
    (b"\x7fELF", "a program"),
    (b"{\\rtf", "an RTF document"),
)
_UTF_16_SAMPLE = 4096
_ZEROS_OF_UTF_16 = 0.05
"""Of the bytes of text in UTF-16 so many are zero, where even the delimiters alone are of ASCII."""
_SHOWN_ENCODING = {
    "utf-8": "UTF-8",
    "cp1252": "Windows-1252",
    "latin-1": "Latin-1",
    "gb18030": "GB 18030",
}


class WrongEncoding(DataRefused):
    """None of the encodings of a dialect fits: the file may be of another one."""


class Text(Struct, frozen=True):
    """A file's text and the encoding that gave it."""

    text: str
    encoding: str
    """As people write it: `UTF-8`, `UTF-16`, `Windows-1252`."""
    assumed: bool = False
    """Nothing in the file says that this encoding is right: it only is not wrong."""

    __repr__ = repr_without("text")


def decode(data: bytes, encodings: tuple[str, ...], where: str) -> Text:
    """The text of a file.

    A byte-order mark decides; so do the zero bytes of UTF-16; else the first of `encodings` that fits.

    Raises:
        DataRefused: it is empty, it is no text at all, or no encoding fits; which, and where in the file.
    """
    _refuse_foreign(data, where)
    found = _decode_marked(data, where) or _decode_declared(data, encodings, where)
    if not found.text.strip("\ufeff \t\r\n"):
        raise DataRefused("the file is empty", where=where, hint="export the positions again")
    _refuse_markup(found.text, where)
    return found


def place(text: str, offset: int) -> str:
    """`line 3, column 7` of a character, both counted from 1."""
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    return f"line {before.count(chr(10)) + 1}, column {len(before) - before.rfind(chr(10))}"


def _refuse_foreign(data: bytes, where: str) -> None:
    for signature, what in _SIGNATURES:
        if data.startswith(signature):
            raise DataRefused(
                f"this is {what}, not a CSV file",
                where=f"{where}, line 1, column 1",
                hint="use the broker's CSV export; if it offers only Excel, save the positions sheet as CSV",
            )


def _decode_marked(data: bytes, where: str) -> Text | None:
    if data.startswith(codecs.BOM_UTF8):
        return Text(_decode(data[3:], "utf-8", where), "UTF-8")
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise DataRefused(
            "the file is UTF-32", where=where, hint="save it as UTF-8, or export it again"
        )
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return Text(_decode(data[2:], encoding, where), "UTF-16")
    start = data[:_UTF_16_SAMPLE]
    if len(start) >= 8 and len(start) % 2 == 0:
        # Letters and delimiters of ASCII in UTF-16 have a zero byte each, nearly always on the same side.
        high, low = start[0::2].count(0), start[1::2].count(0)
        if low > len(start) * _ZEROS_OF_UTF_16 and high < low / 10:
            return Text(_decode(data, "utf-16-le", where), "UTF-16")
        if high > len(start) * _ZEROS_OF_UTF_16 and low < high / 10:
            return Text(_decode(data, "utf-16-be", where), "UTF-16")
    return None


def _decode(data: bytes, encoding: str, where: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataRefused(
            f"the file says that it is {encoding.upper()} and is not",
            where=f"{where}, {_byte_place(data, error.start, encoding)}",
            hint="export the positions again",
        ) from None


def _decode_declared(data: bytes, encodings: tuple[str, ...], where: str) -> Text:
    fault: UnicodeDecodeError | None = None
    for number, encoding in enumerate(encodings):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            fault = fault or error
            continue
        return Text(text, _SHOWN_ENCODING.get(encoding, encoding), assumed=number > 0)
    spelled = " nor ".join(_SHOWN_ENCODING.get(encoding, encoding) for encoding in encodings)
    raise WrongEncoding(
        f"the text is neither {spelled}" if len(encodings) > 1 else f"the text is not {spelled}",
        where=f"{where}, {_byte_place(data, fault.start, 'latin-1')}" if fault else where,
        hint="export the positions again; do not save them from a spreadsheet program",
    )


def _byte_place(data: bytes, offset: int, encoding: str) -> str:
    before = data[:offset].decode(encoding, errors="replace")
    return place(before, len(before))


def _refuse_markup(text: str, where: str) -> None:
    start = text[:4096].lstrip("\ufeff \t\r\n").casefold()
    what = None
    if start.startswith(("<!doctype html", "<html", "<head", "<body", "<script")):
        what = "an HTML page, perhaps the broker's login or error page"
    elif start.startswith("<"):
        what = "XML or HTML"
    elif start.startswith(("{", "[{", "[[", "[]")):
        what = "JSON"
    elif start.startswith(("ofxheader", "%!ps")):
        what = "no CSV"
    if what:
        raise DataRefused(
            f"this is {what}, not a CSV file",
            where=f"{where}, line 1, column 1",
            hint="use the broker's CSV export of the positions",
        )
