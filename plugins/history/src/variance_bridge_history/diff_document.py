"""`variance diff` for programs: what `--json` prints. Every member is always there; null is unknown, or none. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from variance_bridge_history.account_comparison import Comparison
from variance_bridge_history.position_changes import Change, Roll

KINDS = ("opened", "closed", "changed", "expired")
_GONE = ("closed", "expired")


def diff_document(found: Sequence[Comparison]) -> dict[str, Any]:
    """The changes of all accounts, by kind."""
    document: dict[str, Any] = {
        kind: [
            _change(each, change, kind) for each in found for change in getattr(each.changes, kind)
        ]
        for kind in KINDS
    }
    document["rolled"] = [_roll(each, roll) for each in found for roll in each.changes.rolled]
    document["cautions"] = [
        {"account_hash": each.account or None, "document": which, "caution": caution, "what": what}
        for each in found
        for which, caution, what in each.cautions
    ]
    return document


def _change(of: Comparison, change: Change, kind: str) -> dict[str, Any]:
    looks = {"looks": change.looks and change.looks.value} if kind in _GONE else {}
    return {
        "account_hash": of.account or None,
        "root": change.root,
        "symbol": change.symbol,
        "quantity_before": change.before,
        "quantity_after": change.after,
        "unrealized_pl_before": change.profit_before,
        "unrealized_pl_after": change.profit_after,
        "strategies": list(of.strategies.get(change.symbol, ())),
        **looks,
    }


def _roll(of: Comparison, roll: Roll) -> dict[str, Any]:
    return {
        "account_hash": of.account or None,
        "root": roll.root,
        "symbol": roll.opened.symbol,
        "quantity_before": roll.closed.quantity,
        "quantity_after": roll.opened.quantity,
        "unrealized_pl_before": roll.closed.unrealized_pl,
        "unrealized_pl_after": roll.opened.unrealized_pl,
        "strategies": list(of.strategies.get(roll.opened.symbol, ())),
        "from": roll.closed.symbol,
        "to": roll.opened.symbol,
    }
