"""What the entries of `/accounts` say: which accounts there are, each once, and whether SnapTrade can show what they hold. Pure.

The same account comes twice when two connections see it, as both owners of a joint account do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from variance_bridge import Account, BrokerUnreachable, DataRefused
from variance_bridge.rows import Members
from variance_bridge_snaptrade.api import LATER

# A UUID; a recording has invented ones in its place. Nothing else gets into a path.
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_MASKED = re.compile(r"[*•●…]|\.\.|[xX]{2}")
_GONE = frozenset({"closed", "archived"})
_NEVER = datetime.min.replace(tzinfo=UTC)


class Listing(Struct, frozen=True):
    """The accounts that can be read.

    Attributes:
        accounts: each once; `details` holds its entry.
        unreadable: how many entries make no sense.
        unavailable: how many the broker does not let SnapTrade see any more.
    """

    accounts: tuple[Account, ...]
    unreadable: int
    unavailable: int


def listed(entries: Iterable[Any]) -> Listing:
    """The accounts of the answer, in its order. Closed and archived ones are left out."""
    kept: dict[tuple[str, ...], Mapping[str, Any]] = {}
    unreadable = unavailable = 0
    for source in entries:
        entry = Members(source)
        status = entry.word("status")
        if account_id(entry) is None:
            unreadable += 1
        elif status == "unavailable":
            unavailable += 1
        elif status not in _GONE:
            identity = _identity(entry)
            if identity not in kept or _synced(Members(kept[identity])) < _synced(entry):
                kept[identity] = source
    return Listing(tuple(_accounts(list(kept.values()))), unreadable, unavailable)


def account_id(entry: Members) -> str | None:
    """What paths call the account; None where it cannot be a part of a path."""
    found = entry.word("id")
    return found if found and _ID.fullmatch(found) else None


def personal_values(entry: Members) -> list[str]:
    """What identifies the account or its owner."""
    names = ("id", "number", "institution_account_id", "brokerage_authorization", "name")
    return [value for name in names if (value := entry.word(name))]


def last_sync(entry: Members) -> datetime | None:
    """When SnapTrade last read the holdings in its daily round."""
    return entry.nested("sync_status").nested("holdings").moment("last_successful_sync")


def check_holdings(entry: Members) -> None:
    """Return if an empty list of positions would mean that the account is empty.

    Raises:
        DataRefused: the institution does not show this account's holdings to SnapTrade.
        BrokerUnreachable: SnapTrade has not read them for the first time yet.
    """
    holdings = entry.nested("sync_status").nested("holdings")
    # Anything but a clear no is a yes here: an account is never taken for empty because a word changed.
    if holdings.get("holdings_unavailable") not in (None, False):
        raise DataRefused(
            "the broker does not show this account's holdings to SnapTrade",
            hint="select the accounts to sync (`variance accounts --broker snaptrade`), and read this one another way",
        )
    if holdings.get("initial_sync_completed") is False:
        raise BrokerUnreachable("SnapTrade has not read this account yet", hint=LATER)


def _accounts(entries: Sequence[Mapping[str, Any]]) -> Iterable[Account]:
    numbers = Counter(_number(Members(source)) for source in entries)
    for source in entries:
        entry = Members(source)
        number, identifier = _number(entry), account_id(entry) or ""
        kind = " ".join(filter(None, (entry.word("institution_name"), entry.word("raw_type"))))
        yield Account(
            # Two institutions may have accounts of one number.
            number=number if numbers[number] == 1 else identifier,
            kind=kind or None,
            nickname=entry.word("name"),
            currency=entry.nested("balance").nested("total").currency("currency"),
            details={"id": identifier, "entry": source},
        )


def _number(entry: Members) -> str:
    """The broker's number; where it is masked, the institution's identifier, else SnapTrade's."""
    number = entry.word("number")
    if number and not _MASKED.search(number):
        return number
    return entry.word("institution_account_id") or account_id(entry) or ""


def _identity(entry: Members) -> tuple[str, ...]:
    """What is equal for two entries of one account, and for no others."""
    institution, number = entry.word("institution_name"), entry.word("number")
    stable = entry.word("institution_account_id")
    if institution and stable:
        return "institution's", institution, stable
    if institution and number and not _MASKED.search(number):
        return "number", institution, number
    return "SnapTrade's", account_id(entry) or ""


def _synced(entry: Members) -> datetime:
    return last_sync(entry) or _NEVER
