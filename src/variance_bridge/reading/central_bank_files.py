"""The European Central Bank's files of reference rates: `eurofxref-daily.xml`, `eurofxref-hist.xml`, `-hist-90d.xml`, and their CSV. Pure.

Formats: https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates ("Downloads").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from variance_bridge.errors import DataRefused
from variance_bridge.reading.currency_conversion import ExchangeRates

HOST = "www.ecb.europa.eu"
_FOLDER = f"https://{HOST}/stats/eurofxref"
NEWEST, QUARTER = f"{_FOLDER}/eurofxref-daily.xml", f"{_FOLDER}/eurofxref-hist-90d.xml"
"""Addresses of the files with the rates of the newest day, and of the last 90 days."""

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

SOURCE = "ECB reference rates"
_CURRENCY = re.compile(r"[A-Z]{3}")
_RATE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,12})?")
_NONE = frozenset({"", "N/A"})
"""What the bank writes for a currency that it did not quote on a day."""
_DOWNLOAD = "download eurofxref-daily.xml or eurofxref-hist-90d.xml from the bank's page again"

Days = dict[date, dict[str, Decimal]]


def read_reference_rates(data: bytes, where: str) -> ExchangeRates:
    """The rates of a file of the bank, XML or CSV.

    Raises:
        DataRefused: it is not such a file, is cut, or states something that is not a rate.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused("it is not text", where) from None
    days = _of_xml(text, where) if text.lstrip().startswith("<") else _of_csv(text, where)
    if not days:
        raise _refused("it holds no rates", where)
    return ExchangeRates(source=SOURCE, days=days)


def _of_xml(text: str, where: str) -> Days:
    from xml.etree import ElementTree as ET

    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _refused("it declares entities, which the bank's files never do", where)
    try:
        root = ET.fromstring(text)  # noqa: S314 - without a DOCTYPE there is nothing to expand
    except (ET.ParseError, ValueError):
        raise _refused("it is not XML, or it is cut off", where) from None
    days: Days = {}
    for cube in _cubes(root):
        if (stated := cube.get("time")) is not None:
            day = _day(stated, where)
            _keep(days, day, dict(_of_cube(cube, where)), where)
    return days


def _cubes(element: Element) -> Iterator[Element]:
    return (each for each in element.iter() if each.tag.rpartition("}")[2] == "Cube")


def _of_cube(day: Element, where: str) -> Iterator[tuple[str, Decimal]]:
    for cube in _cubes(day):
        if (currency := cube.get("currency")) is not None:
            yield _currency(currency, where), _units(cube.get("rate") or "", where)


def _of_csv(text: str, where: str) -> Days:
    header, *lines = [line for line in text.splitlines() if line.strip(" ,")] or [""]
    first, *names = _cells(header)
    if first != "Date" or not names:
        raise _refused("it is neither the bank's XML nor its CSV", where)
    currencies = [_currency(name, where) for name in names]
    days: Days = {}
    for line in lines:
        stated, *cells = _cells(line)
        if len(cells) != len(currencies):
            raise _refused("a line does not have as many cells as the header", where)
        units = {
            currency: _units(cell, where)
            for currency, cell in zip(currencies, cells, strict=True)
            if cell not in _NONE
        }
        _keep(days, _day(stated, where), units, where)
    return days


def _cells(line: str) -> list[str]:
    """The cells of a line; the bank ends each with a comma."""
    cells = [cell.strip() for cell in line.split(",")]
    return cells[:-1] if len(cells) > 1 and not cells[-1] else cells


def _keep(days: Days, day: date, units: Mapping[str, Decimal], where: str) -> None:
    if not units or day in days:
        raise _refused("a day appears twice, or has no rates", where)
    days[day] = dict(units)


def _day(text: str, where: str) -> date:
    """`2026-11-25`; in the CSV of a single day `25 November 2026`."""
    for form in ("%Y-%m-%d", "%d %B %Y"):
        try:
            return datetime.strptime(text.strip(), form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise _refused("a day in it cannot be read", where)


def _currency(text: str, where: str) -> str:
    if not _CURRENCY.fullmatch(text):
        raise _refused("a currency in it is not a three-letter code", where)
    return text


def _units(text: str, where: str) -> Decimal:
    try:
        units = Decimal(text) if _RATE.fullmatch(text) else Decimal(0)
    except InvalidOperation:
        units = Decimal(0)
    if units <= 0:
        raise _refused("a rate in it is not a number above zero", where)
    return units


def _refused(what: str, where: str) -> DataRefused:
    return DataRefused(f"no rates can be read: {what}", where=where, hint=_DOWNLOAD)
