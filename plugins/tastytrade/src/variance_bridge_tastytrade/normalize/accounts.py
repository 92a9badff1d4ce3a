"""The accounts of `GET /customers/me/accounts`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from variance_bridge.broker import Account
from variance_bridge.errors import DataRefused
from variance_bridge.formatting import repr_without
from variance_bridge.rows import Members
from variance_bridge_tastytrade.client.items_and_pages import items_of

_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,32}")
"""Eight letters and digits today (`5WX00001`); whatever comes later must be a plain segment of a path."""

_IDENTIFYING = (
    "account-number",
    "external-id",
    "external-fdid",
    "ext-crm-id",
    "submitting-user-id",
)


class Accounts(Struct, frozen=True):
    """The accounts of the list.

    Attributes:
        open: the open accounts, in the broker's order; the API goes on listing closed ones.
        unreadable: how many entries have no usable account number.
        personal: every value that identifies an account, closed ones too.
    """

    open: tuple[Account, ...]
    unreadable: int
    personal: tuple[str, ...]

    __repr__ = repr_without("personal")


def read_accounts(envelope: Any) -> Accounts:
    """The accounts. An entry that cannot be read does not affect the others.

    Raises:
        DataRefused: there is no list, or none of its entries can be read.
    """
    entries = [_unwrapped(item) for item in items_of(envelope, "accounts")]
    found: list[Account] = []
    unreadable = 0
    for entry in entries:
        members = Members(entry)
        number = entry.get("account-number")
        if not isinstance(number, str) or not _NUMBER.fullmatch(number):
            unreadable += 1
        elif not _is_closed(entry):
            found.append(
                Account(
                    number=number,
                    kind=members.word("account-type-name"),
                    nickname=members.word("nickname"),
                )
            )
    if entries and unreadable == len(entries):
        raise DataRefused(
            "no account has a usable number",
            where="tastytrade, accounts",
            hint="run the sync again; if it fails again, the API has changed: please report it",
        )
    return Accounts(tuple(found), unreadable, tuple(_personal(entries)))


def _unwrapped(item: Any) -> Mapping[str, Any]:
    """`{"account": {...}, "authority-level": ...}`, or the bare object of the single-account route."""
    if not isinstance(item, Mapping):
        return {}
    nested = item.get("account")
    return nested if isinstance(nested, Mapping) else item


def _is_closed(entry: Mapping[str, Any]) -> bool:
    """Missing means open: the list of 2018 had no such member."""
    flag = entry.get("is-closed")
    return flag is True or (isinstance(flag, str) and flag.strip().lower() == "true")


def _personal(entries: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for entry in entries:
        for name in _IDENTIFYING:
            value = entry.get(name)
            if isinstance(value, str) and value:
                yield value
