"""Which two documents of each account `variance diff` compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from variance_bridge import DataRefused
from variance_bridge_history.database import Entry, History

Pair = tuple[Entry, Entry]
ByAccount = Mapping[str, Sequence[Entry]]
"""The documents of each account, oldest first."""


class _Lack(NamedTuple):
    """Why an account has no two documents to compare, and what the user can do."""

    why: str
    remedy: str


def last_two(accounts: ByAccount) -> dict[str, Pair]:
    """The last two documents of each account that has two."""
    return {name: (own[-2], own[-1]) for name, own in accounts.items() if len(own) > 1}


def pairs_between(
    accounts: ByAccount, old: datetime, new: datetime | None, warn: Callable[[str], None]
) -> dict[str, Pair]:
    """Of each account the last document up to `old`, and its last up to `new`, or its newest.

    Args:
        accounts: at least one.
        old: an aware moment.
        new: another; None for the newest document.
        warn: is told which accounts are left out, and why.

    Raises:
        DataRefused: no account has two such documents.
    """
    pairs: dict[str, Pair] = {}
    lacking: dict[str, _Lack] = {}
    for name, own in accounts.items():
        later = [each for each in own if new is None or each.fetched_at <= new]
        earlier = [each for each in later if each.fetched_at <= old]
        if not earlier:
            oldest = own[0].fetched_at
            why = f"no document up to {minute(old)}; the oldest is of {minute(oldest)}"
            lacking[name] = _Lack(why, "name a later time")
        elif earlier[-1] is later[-1]:
            until = "" if new is None else f" up to {minute(new)}"
            why = f"no document after {minute(later[-1].fetched_at)}{until}"
            lacking[name] = _Lack(why, "sync first, or name an earlier time")
        else:
            pairs[name] = (earlier[-1], later[-1])
    if lacking and not pairs:
        first = lacking[min(lacking, key=lambda name: accounts[name][0].fetched_at)]
        raise DataRefused(
            f"the history holds {first.why}",
            hint=f"{first.remedy}; `variance history` lists the documents",
        )
    for name, lack in lacking.items():
        warn(f"{name}: not compared: the history holds {lack.why}")
    return pairs


def last_change(history: History, own: Sequence[Entry]) -> Pair | None:
    """The newest two neighbours that do not hold the same; None where all hold the same.

    Args:
        history: that the documents are in.
        own: those of one account, oldest first.
    """
    after = own[-1]
    held = history.quantities(after.sha256)
    for before in own[-2::-1]:
        if history.quantities(before.sha256) != held:
            return before, after
        after = before
    return None


def minute(moment: datetime) -> str:
    """`2026-03-02 16:00 UTC`."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
