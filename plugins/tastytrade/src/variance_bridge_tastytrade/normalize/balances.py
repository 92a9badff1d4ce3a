"""The balances of an account, in both forms of the API. Pure.

`data` is an object in the versions before 20240501 and `{"items": [...]}`, one per currency, since. Values of classes
are unsigned; `cash-balance` carries its own sign.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct, structs

from variance_bridge.model import Balances, Caution
from variance_bridge.rows import Members
from variance_bridge_tastytrade.client.items_and_pages import object_or_items_of

CURRENCY = "USD"
"""tastytrade accounts are kept in US dollars; positions carry no currency at all."""

CLASS_VALUES = tuple(
    f"{direction}-{name}-value"
    for name in (
        "equity",
        "derivative",
        "index-derivative",
        "futures-derivative",
        "cryptocurrency",
    )
    for direction in ("long", "short")
)
"""The members with the value of a class of positions, each a positive amount."""


class BalanceSheet(Struct, frozen=True, kw_only=True):
    """What the balances say.

    Attributes:
        balances: None if net liquidating value or cash cannot be read.
        currency: the account's.
        values: of the classes of positions, by the API's name, as far as they can be read.
        as_of: the time that they state.
        cautions: what was missing or unreadable.
    """

    balances: Balances | None
    currency: str
    values: Mapping[str, Decimal]
    as_of: datetime | None
    cautions: tuple[Caution, ...] = ()


def read_balances(envelope: Any) -> BalanceSheet:
    """The balances in the account's currency.

    `buying_power` is that for options (`derivative-buying-power`), which is without leverage.

    Raises:
        DataRefused: the answer does not have the form of balances.
    """
    members = Members(_chosen(envelope))
    currency = members.currency("currency") or CURRENCY
    balances = members.balances(
        currency,
        net_liquidating_value="net-liquidating-value",
        cash="cash-balance",
        buying_power="derivative-buying-power",
        maintenance_requirement="maintenance-requirement",
        as_of="updated-at",
    )
    if balances is not None:
        balances = structs.replace(balances, pending_cash=_pending(members))
    values = {name: value for name in CLASS_VALUES if (value := members.number(name)) is not None}
    return BalanceSheet(
        balances=balances,
        currency=currency,
        values=values,
        as_of=members.moment("updated-at"),
        cautions=members.cautions,
    )


def _pending(members: Members) -> Decimal | None:
    """Cash on its way, positive when it comes in. The API sends an amount without sign, and its effect."""
    amount = members.number("pending-cash")
    effect = (members.word("pending-cash-effect") or "").casefold()
    if amount is None or amount == 0:
        return amount
    if effect not in {"credit", "debit"}:
        return None
    return amount if effect == "credit" else amount.copy_negate()


def _chosen(envelope: Any) -> Mapping[str, Any]:
    """The object in the account's currency, or the only one; empty if there are several in other currencies."""
    items = object_or_items_of(envelope, "balances")
    sheets = [item for item in items if isinstance(item, Mapping)]
    own = [sheet for sheet in sheets if sheet.get("currency") == CURRENCY]
    return (own or (sheets if len(sheets) == 1 else [{}]))[0]
