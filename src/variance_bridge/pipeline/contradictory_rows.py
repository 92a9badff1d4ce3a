"""A row whose own numbers contradict each other never reaches the file, and never keeps the other rows from it.

What contradicts itself is found by the checks that every document is held to, so that all brokers share one judgement:
what the checks find in one position costs that position a member, a flag, or, where nobody can say which of its numbers
are right, its place among the positions (`numbers_contradict` in `meta.rejected`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs
from msgspec import Struct, structs

from variance_bridge.document.convert import in_canonical_order, to_document
from variance_bridge.document.rules.amounts import is_beyond_counting
from variance_bridge.document.schema import check_schema
from variance_bridge.document.violation import Violation
from variance_bridge.model import (
    Caution,
    Counts,
    Flag,
    Holding,
    Meta,
    Portfolio,
    RejectedRow,
    Rejection,
    Side,
    Status,
)
from variance_bridge.money import difference, signed
from variance_bridge.pipeline.draft import Draft, draft
from variance_bridge.symbology import InstrumentType, SymbolError, parse

_ROUNDS = 3
"""A price that goes can leave a value that only it had explained: what is left is looked at again."""

_NO_HASH = "0000***"
_NETTED = frozenset({InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION})
_BOTH_SIDES = ("bid", "ask")
_OUT_OF_REACH = {"order", "date"}


class Settled(Struct, frozen=True, kw_only=True):
    """A portfolio without contradictions in its rows.

    Attributes:
        portfolio: with what was rejected, left out and flagged.
        draft: what it is written as.
    """

    portfolio: Portfolio
    draft: Draft

    @property
    def violations(self) -> list[Violation]:
        """What is left: contradictions of the whole document, which nothing can settle."""
        return self.draft.violations

    @property
    def document(self) -> dict[str, Any]:
        """What is written, as mappings and lists, made anew."""
        return to_document(self.portfolio)


def settle(portfolio: Portfolio) -> Settled:
    """The portfolio with every contradiction inside of one row settled. One without any is returned as it is.

    What has not even the form of a document is a fault of the plugin, and left as it is.
    """
    portfolio = _with_both_sides_flagged(portfolio)
    found = draft(portfolio)
    if found.violations and check_schema(to_document(portfolio)):
        return Settled(portfolio=portfolio, draft=found)
    for _round in range(_ROUNDS):
        changed = _without(portfolio, found.violations) if found.violations else portfolio
        if changed is portfolio:
            break
        portfolio, found = changed, draft(changed)
    return Settled(portfolio=portfolio, draft=found)


def settle_unnamed(portfolio: Portfolio) -> Settled:
    """The same for a portfolio whose account has no hash: a file that is read and not synced."""
    named = structs.replace(portfolio.meta, account_hash=_NO_HASH)
    settled = settle(attrs.evolve(portfolio, meta=named))
    meta = structs.replace(settled.portfolio.meta, account_hash=portfolio.meta.account_hash)
    return structs.replace(settled, portfolio=attrs.evolve(settled.portfolio, meta=meta))


def _with_both_sides_flagged(portfolio: Portfolio) -> Portfolio:
    """Nobody is long and short of one future: the exchange nets it, so that one of the rows is not true."""
    sides: dict[str, set[Side]] = {}
    for holding in portfolio.positions:
        if holding.type in _NETTED:
            sides.setdefault(holding.symbol, set()).add(holding.side)
    both = [symbol for symbol, found in sides.items() if len(found) > 1]
    if not both:
        return portfolio
    flags = [Flag(caution=Caution.POSITION_REPEATED, symbol=symbol) for symbol in both]
    return attrs.evolve(portfolio, meta=_counted(portfolio.meta, (), flags))


def _without(portfolio: Portfolio, violations: Iterable[Violation]) -> Portfolio:
    """The portfolio after a look at each row of which something was found."""
    found: dict[int, list[Violation]] = {}
    for violation in violations:
        steps = violation.pointer.split("/")
        if steps[1:2] == ["positions"] and len(steps) > 2:
            found.setdefault(int(steps[2]), []).append(violation)
    if not found:
        return portfolio
    kept: list[Holding] = []
    flags: list[Flag] = []
    rejected: list[RejectedRow] = []
    rows = _rows(portfolio)
    for place, holding in enumerate(in_canonical_order(portfolio.positions)):
        settled, reason, cautions = _settled(holding, found.get(place, ()))
        if reason is None:
            kept.append(settled)
            flags += (Flag(caution=caution, symbol=holding.symbol) for caution in cautions)
        else:
            rejected.append(
                RejectedRow(row=rows[id(holding)], reason=reason, symbol=_listed(holding))
            )
    meta = _counted(portfolio.meta, rejected, flags)
    return attrs.evolve(portfolio, meta=meta, positions=tuple(kept))


def _rows(portfolio: Portfolio) -> Mapping[int, int]:
    """The row of each position where a flag names it, else its place in what the broker returned."""
    flagged = {flag.symbol: flag.row for flag in portfolio.meta.flags if flag.row is not None}
    return {
        id(holding): flagged.get(holding.symbol) or place
        for place, holding in enumerate(portfolio.positions, 1)
    }


def _settled(
    holding: Holding, violations: Sequence[Violation]
) -> tuple[Holding, Rejection | None, Sequence[Caution]]:
    """The position after what was found in it; why it cannot stay, or None; what to flag."""
    cautions: dict[Caution, None] = {}
    for violation in violations:
        _, _, _, *path = violation.pointer.split("/")
        remedy = _remedy(holding, violation.rule, path)
        if isinstance(remedy, Rejection):
            return holding, remedy, ()
        holding, caution = remedy
        cautions[caution] = None
    return holding, None, tuple(cautions)


def _remedy(
    holding: Holding, rule: str, path: Sequence[str]
) -> tuple[Holding, Caution] | Rejection:
    """What one violation costs the position: a member, no more than a flag, or its place."""
    if rule == "repeated":
        return holding, Caution.POSITION_REPEATED
    if rule == "unrealized_pl" and _is_countable(holding):
        return holding, Caution.COST_CONTRADICTED
    if rule == "quote":
        names = _BOTH_SIDES if path[-1] == "bid" and _is_crossed(holding) else path[-1:]
        return _cut(holding, "quote", names), Caution.QUOTE_UNUSABLE
    if rule == "greeks":
        return _cut(holding, "greeks", path[-1:]), Caution.QUOTE_UNUSABLE
    if rule in _OUT_OF_REACH and path[-1] == "as_of":
        return _cut(holding, path[0], ("as_of",)), Caution.TIME_CONTRADICTED
    if rule in _OUT_OF_REACH and path == ["opened_on"]:
        return structs.replace(holding, opened_on=None), Caution.TIME_CONTRADICTED
    if rule in _OUT_OF_REACH and path == ["expires_at"]:
        return structs.replace(holding, expires_at=None), Caution.TIME_CONTRADICTED
    return Rejection.TERMS_CONTRADICT if rule == "terms" else Rejection.NUMBERS_CONTRADICT


def _is_countable(holding: Holding) -> bool:
    """Whether a profit differs from value and cost by no more than brokers differ in how they count."""
    value, cost, profit = holding.market_value, holding.cost_basis, holding.unrealized_pl
    if value is None or cost is None or profit is None:
        return False
    computed = difference(value, signed(holding.side, cost))
    return not is_beyond_counting(profit, computed, max(abs(value), abs(cost)))


def _is_crossed(holding: Holding) -> bool:
    quote = holding.quote
    if quote is None or quote.bid is None or quote.ask is None:
        return False
    return Decimal(quote.bid) > quote.ask


def _cut(holding: Holding, place: str, names: Iterable[str]) -> Holding:
    """The position without these members of its quote or its greeks."""
    members = attrs.evolve(getattr(holding, place), **dict.fromkeys(names))
    return structs.replace(holding, **{place: members})


def _listed(holding: Holding) -> str | None:
    """The symbol where it is that of a listed contract: nothing else of a rejected row is written."""
    try:
        instrument = parse(
            holding.symbol, instrument_type=holding.type, expires_on=holding.expiration
        )
    except (SymbolError, ValueError):
        return None
    return holding.symbol if instrument.symbol == holding.symbol else None


def _counted(meta: Meta, rejected: Sequence[RejectedRow], flags: Sequence[Flag]) -> Meta:
    counts = meta.counts
    if counts is not None:
        counts = Counts(
            fetched=counts.fetched,
            normalized=counts.normalized - len(rejected),
            closed=counts.closed,
            rejected=counts.rejected + len(rejected),
        )
    all_rejected = (*meta.rejected, *rejected)
    return structs.replace(
        meta,
        counts=counts,
        rejected=all_rejected,
        flags=tuple(dict.fromkeys((*meta.flags, *flags))),
        status=Status.PARTIAL if all_rejected else meta.status,
    )
