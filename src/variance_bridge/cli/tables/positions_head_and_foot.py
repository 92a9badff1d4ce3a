"""What stands above and below the positions table: whose, how old and how complete."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rich.text import Text

from variance_bridge.formatting import age_words, is_whole_cents, money, printable
from variance_bridge.model import Caution, Environment, Holding, Portfolio, Timeliness
from variance_bridge.reading.freshness import Freshness
from variance_bridge.reading.load import Snapshot
from variance_bridge.terminal import GREEN, YELLOW

_AGE_STYLE = {Freshness.FRESH: GREEN.style, Freshness.STALE: YELLOW.style}


def account_currency(portfolio: Portfolio) -> str | None:
    """The currency of the sums: the account's; where the file does not state it, the one that all positions share."""
    named = {holding.currency for holding in portfolio.positions}
    common = named.pop() if len(named) == 1 else None
    return portfolio.meta.currency or getattr(portfolio.balances, "currency", common)


def is_foreign(holding: Holding, currency: str | None) -> bool:
    """Whether the holding's money is in another currency than the sums."""
    return holding.currency not in {None, currency}


def head(snapshot: Snapshot, label: str | None = None) -> Text:
    """Source, account (by its label, if it has one; of an export the file), world and age."""
    meta = snapshot.portfolio.meta
    name = printable(label or meta.account_hash or snapshot.shown or "")
    text = Text("  ".join(filter(None, (meta.source, name))), style="bold")
    if meta.environment is not None:
        real = meta.environment is Environment.PRODUCTION
        text.append("  ").append(
            meta.environment.value, style="" if real else f"reverse {YELLOW.style}"
        )
    text.append("  ").append(
        age_words(snapshot.age, end_of_day=meta.timeliness is Timeliness.END_OF_DAY),
        style=_AGE_STYLE[snapshot.freshness],
    )
    of_file = ", file time" if _is_of_file(snapshot) else ""
    text.append(f" ({meta.fetched_at:%Y-%m-%d %H:%M} UTC{of_file})", style="not bold dim")
    if meta.rejected:
        text.append(f"  partial: {len(meta.rejected)} rejected", style=YELLOW.style)
    return text


def foot(snapshot: Snapshot, *, of_part: bool = False) -> Iterator[Text]:
    """Balances (which say so if only a part of the positions is listed), cautions, and how old positions may be."""
    portfolio = snapshot.portfolio
    if (balances := portfolio.balances) is not None:
        amounts_of = {
            "Net liq": balances.net_liquidating_value,
            "Cash": balances.cash,
            "Buying power": balances.buying_power,
        }
        yield Text(
            ("Whole account: " if of_part else "")
            + "   ".join(
                f"{name} {money(amount, balances.currency)}"
                for name, amount in amounts_of.items()
                if amount is not None
            )
        )
    amounts = (
        amount
        for holding in portfolio.positions
        for amount in (holding.market_value, holding.unrealized_pl, holding.day_pl)
    )
    if not all(map(is_whole_cents, amounts)):
        yield Text("Money is rounded to the cent.", style="dim")
    if cautions := _unsaid_cautions(snapshot):
        counted = ", ".join(f"{name} ({count})" for name, count in sorted(cautions.items()))
        yield Text(f"Cautions: {counted}", style=YELLOW.style)
    yield Text(f"Positions: {snapshot.limits}", style="dim")


def _is_of_file(snapshot: Snapshot) -> bool:
    """Whether only the file system says of what time the positions are."""
    return any(flag.caution is Caution.TIME_FROM_FILE for flag in snapshot.portfolio.meta.flags)


def _unsaid_cautions(snapshot: Snapshot) -> Counter[str]:
    """The cautions that nothing has explained: a warning does that and ends with `(flag NAME)`, or the head."""
    said = " ".join(snapshot.warnings)
    flags = snapshot.portfolio.meta.flags
    names = (flag.caution.value for flag in flags if flag.caution is not Caution.TIME_FROM_FILE)
    return Counter(name.replace("_", " ") for name in names if f"(flag {name})" not in said)
