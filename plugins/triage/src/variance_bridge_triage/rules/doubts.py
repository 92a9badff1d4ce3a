"""What the file's own cautions say against an all-clear: rows that may be missing, numbers that contradict each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from variance_bridge.formatting import plural
from variance_bridge.model import Caution, Flag, Holding, Meta

# A number that is unknown needs no caution here: the rules that lack it are not judged.
_CONTRADICTED = (
    Caution.COST_CONTRADICTED,
    Caution.VALUE_CONTRADICTED,
    Caution.QUOTE_CONTRADICTED,
    Caution.POSITION_REPEATED,
    Caution.SIGN_UNCONFIRMED,
)


def doubts(meta: Meta) -> Iterator[str]:
    """Each kind of doubt in a sentence; none where nothing speaks against what was read."""
    if missing := meta.missing_rows:
        yield f"Rows may be missing: {'; '.join(missing.values())}."
    cautions = {flag.caution for flag in meta.flags}
    doubted = {(flag.row, flag.symbol) for flag in meta.flags if flag.caution in _CONTRADICTED}
    if doubted:
        names = ", ".join(caution for caution in _CONTRADICTED if caution in cautions)
        yield f"The numbers of {plural(len(doubted), 'position')} are in doubt ({names})."


Doubted: TypeAlias = Mapping[str | None, frozenset[Caution]]
"""By the symbol of a position whose numbers are in doubt, why they are; by None, where it may be any position."""


NO_DOUBTS: Doubted = MappingProxyType({})


def doubted_symbols(flags: Iterable[Flag]) -> Doubted:
    """The positions whose numbers are in doubt."""
    found: dict[str | None, frozenset[Caution]] = {}
    for flag in flags:
        if flag.caution in _CONTRADICTED:
            found[flag.symbol] = found.get(flag.symbol, frozenset()) | {flag.caution}
    return found


def doubts_about(legs: Iterable[Holding], doubted: Doubted) -> tuple[Caution, ...]:
    """Why the numbers of any of these positions are in doubt; what may concern any position is not counted here."""
    if not doubted:  # as nearly always
        return ()
    found = {caution for leg in legs for caution in doubted.get(leg.symbol, ())}
    return tuple(caution for caution in _CONTRADICTED if caution in found)
