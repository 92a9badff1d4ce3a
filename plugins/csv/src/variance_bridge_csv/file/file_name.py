"""What a file's name states: the account and its nickname, the date, and the name as it can be shown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date

from variance_bridge.masking import is_kind_of_account, masked
from variance_bridge_csv.dialect_format import date_formats, regular_expressions

_CENTURY = "20"
_YEAR = rf"({_CENTURY}[1-9][0-9])"
_BETWEEN = r"[-_ .,]{1,2}"
_MONTH = r"([A-Za-z]{3,9})"
_NAMED_DAYS = (
    (
        rf"(?<![0-9]){_YEAR}([-_.]?)([01][0-9])\2([0-3][0-9])(?![0-9])",
        (1, 3, 4),
        ("%Y-%m-%d",),
    ),
    (
        rf"(?<![A-Za-z]){_MONTH}{_BETWEEN}([0-9]{{1,2}}){_BETWEEN}{_YEAR}(?![0-9])",
        (1, 2, 3),
        ("%b-%d-%Y", "%B-%d-%Y"),
    ),
    (
        rf"(?<![0-9])([0-9]{{1,2}}){_BETWEEN}{_MONTH}{_BETWEEN}{_YEAR}(?![0-9])",
        (1, 2, 3),
        ("%d-%b-%Y", "%d-%B-%Y"),
    ),
    (
        rf"(?<![0-9])([0-9]{{1,2}})\.([0-9]{{1,2}})\.{_YEAR}(?![0-9])",
        (1, 2, 3),
        ("%d-%m-%Y",),
    ),
    # In either order: of two days that are both possible the later one counts, because the modification time is there too.
    (
        rf"(?<![0-9])([0-9]{{1,2}})([-_])([0-9]{{1,2}})\2{_YEAR}(?![0-9])",
        (1, 3, 4),
        ("%m-%d-%Y",),
    ),
    (
        rf"(?<![0-9])([0-9]{{1,2}})([-_])([0-9]{{1,2}})\2{_YEAR}(?![0-9])",
        (1, 3, 4),
        ("%d-%m-%Y",),
    ),
)
_NAME_FORMATS = ("%y%m%d", "%Y%m%d", "%Y-%m-%d", "%Y_%m_%d", "%b-%d-%Y", "%d-%b-%Y")
"""Of what a dialect's pattern of file names calls `date`."""


def describe_name(name: str, name_patterns: Iterable[str]) -> tuple[str, str, str | None]:
    """The name as it can be shown, the account number and the nickname in it.

    What a dialect's pattern says is personal is hidden, except the mere kind of the account ("Individual"); so is every
    word that looks like an account number.
    """
    account, nickname = "", None
    hidden: list[tuple[int, int]] = []
    for pattern in name_patterns:
        found = re.fullmatch(pattern, name[: regular_expressions.MAX_TEXT_LENGTH], re.IGNORECASE)
        if found is None:
            continue
        groups = found.groupdict()
        account = account or groups.get("account") or ""
        nickname = nickname or groups.get("nickname")
        if groups.get("account"):
            hidden.append(found.span("account"))
        if groups.get("nickname") and not is_kind_of_account(groups["nickname"]):
            hidden.append(found.span("nickname"))
    shown = masked(name, hidden)
    printable = "".join(character if character.isprintable() else "?" for character in shown)
    return printable[:100], account, nickname


def day_in_name(name: str, name_patterns: Iterable[str]) -> date | None:
    """The date in a file's name: what a dialect's pattern calls `date`, else the latest that is spelled out in full."""
    for pattern in name_patterns:
        found = re.fullmatch(pattern, name[: regular_expressions.MAX_TEXT_LENGTH], re.IGNORECASE)
        written = found.groupdict().get("date") if found else None
        if found and written and name[found.end("date") :][:1].isdigit():
            continue  # the pattern cut a longer number off
        day = date_formats.parse_day(written, _NAME_FORMATS) if written else None
        if day is not None:
            return day
    return max(_days_in(name[: regular_expressions.MAX_TEXT_LENGTH]), default=None)


def _days_in(name: str) -> Iterator[date]:
    if _CENTURY not in name:
        return  # then it states no day, and no pattern needs to be compiled
    for pattern, groups, written_as in _NAMED_DAYS:
        for found in re.finditer(pattern, name):
            day = date_formats.parse_day("-".join(found.group(*groups)), written_as)
            if day is not None:
                yield day
