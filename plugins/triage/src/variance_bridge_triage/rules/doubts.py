"""What the file's own cautions say against an all-clear: rows that may be missing, numbers that contradict each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from variance_bridge.formatting import plural
from variance_bridge.model import Caution, Flag

_ROWS_MAY_BE_MISSING = {
    Caution.POSSIBLY_TRUNCATED: "the source may be cut off",
    Caution.TOTAL_DISAGREES: "the source's total is not the sum of its rows",
    Caution.BALANCES_DISAGREE: "the balances do not agree with the positions",
}
# A number that is unknown needs no caution here: the rules that lack it are not judged.
_CONTRADICTED = (
    Caution.COST_CONTRADICTED,
    Caution.VALUE_CONTRADICTED,
    Caution.QUOTE_CONTRADICTED,
    Caution.POSITION_REPEATED,
    Caution.SIGN_UNCONFIRMED,
)


def doubts(flags: Iterable[Flag]) -> Iterator[str]:
    """Each kind of doubt in a sentence; none where nothing speaks against what was read."""
    listed = tuple(flags)
    cautions = {flag.caution for flag in listed}
    missing = [words for caution, words in _ROWS_MAY_BE_MISSING.items() if caution in cautions]
    if missing:
        yield f"Rows may be missing: {'; '.join(missing)}."
    doubted = {(flag.row, flag.symbol) for flag in listed if flag.caution in _CONTRADICTED}
    if doubted:
        names = ", ".join(caution for caution in _CONTRADICTED if caution in cautions)
        yield f"The numbers of {plural(len(doubted), 'position')} are in doubt ({names})."


def doubted_symbols(flags: Iterable[Flag]) -> frozenset[str | None]:
    """Of the positions whose numbers are in doubt; None among them where it may be any position."""
    return frozenset(flag.symbol for flag in flags if flag.caution in _CONTRADICTED)
