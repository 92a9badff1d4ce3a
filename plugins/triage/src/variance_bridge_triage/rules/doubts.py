"""What the file's own cautions say against an all-clear: rows that may be missing, numbers that contradict each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from variance_bridge.formatting import plural
from variance_bridge.model import Caution, Flag, Meta

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


def doubted_symbols(flags: Iterable[Flag]) -> frozenset[str | None]:
    """Of the positions whose numbers are in doubt; None among them where it may be any position."""
    return frozenset(flag.symbol for flag in flags if flag.caution in _CONTRADICTED)
