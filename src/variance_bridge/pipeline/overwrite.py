"""Whether a portfolio may take the place of the one in the file. Pure: compares, decides, explains.

What is refused, and why:

- Simulated or sandbox positions over real ones: one world never passes for another. (The other way round is accepted
  with a warning; the rules below do not apply then, because they compare two states of one account.)
- Another broker's positions, or another account's: whoever reads the file acts on the account that it held yesterday.
- Older positions over newer ones, such as yesterday's export imported after today's sync; and positions from the
  future, which every reader would refuse.
- An empty portfolio over positions, unless the balances prove it or the user said `--allow-empty`. They prove it when
  the account is worth its cash with what is on its way, to the cent, and no margin is required. Two traps are left out:
  zero worth and zero cash is what an outage answers, too; and open futures add nothing to the worth of an account, being
  settled in cash every day, so that over futures the margin must be known to be zero.
- An empty portfolio whose own balances contradict it, also where there is no file yet. A sandbox is wiped every
  day, so there only a contradiction counts.
- A loss of 80 % or more of the rows, unless a second fetch finds the same rows. Rows that are there but could not be
  read do not come back on a second fetch, so a loss that they explain is refused at once.
- An export that may be cut off, over a document that was whole and holds positions that the export lacks: they would
  look closed. (Where the document before may be cut off too, as of an export that never has a total, and for the other
  signs of missing rows, a warning says how many.) Options that have expired since count as gone.
- (A warning only:) an export that names no account, over positions of which it has none. It may be of another account.
- A broker's answer of which some rows cannot be read, over positions that were complete, unless a second fetch has the same
  unreadable rows. (A file is the same at each reading: how many of its rows may be unreadable is for its reader to say.)

The user overrules each refusal by moving the old file away or by naming another: then nothing is replaced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from variance_bridge.clock import CLOCK_TOLERANCE
from variance_bridge.formatting import plural
from variance_bridge.model import Caution, Environment, Portfolio, Rejection, Side, Status
from variance_bridge.symbology import InstrumentType, SymbolError, parse

if TYPE_CHECKING:
    from variance_bridge.document.outline import Outline

_MOVE = "write to another file (`--output`), or move the old one away"
_MAX_NAMED = 5
_EMPTY = "if it really is empty, run the command again with `--allow-empty`"
_ANEW = "run the command again"
_WHOLE = (
    "export it again; if the positions really are gone, move the old file away, and sync this one"
)
_AGAIN = "run the command again; if the account really holds so little, move the old file away"


class Verdict(StrEnum):
    """What to do with a portfolio."""

    ACCEPT = "accept"
    CONFIRM = "confirm"
    REFUSE = "refuse"


class Judgement(Struct, frozen=True, kw_only=True):
    """A verdict and its grounds.

    Attributes:
        verdict: ACCEPT: publish. CONFIRM: fetch once more and judge again with `confirmation`. REFUSE: keep the file.
        reason: why it is not accepted, one line without personal values; "" when it is.
        hint: what the user can do.
        warnings: what the user should know of an accepted one.
        is_older: whether it is refused because the file has newer positions.
    """

    verdict: Verdict = Verdict.ACCEPT
    reason: str = ""
    hint: str | None = None
    warnings: tuple[str, ...] = ()
    is_older: bool = False


class _Case(Struct, frozen=True, kw_only=True):
    old: Outline | Portfolio
    new: Portfolio
    allow_empty: bool
    from_file: bool
    names_account: bool
    confirmation: Portfolio | None
    now: datetime | None


_ACCEPTED = Judgement()


def judge_overwrite(
    old: Outline | Portfolio | None,
    new: Portfolio,
    *,
    allow_empty: bool = False,
    confirmation: Portfolio | None = None,
    now: datetime | None = None,
    old_unreadable: bool = False,
    from_file: bool = False,
    names_account: bool = True,
) -> Judgement:
    """Whether `new` may be published in the place of `old`.

    Args:
        old: what the file holds; None when there is no file, or none that can be read.
        new: what would be published.
        allow_empty: the user said that an empty portfolio is right.
        confirmation: a second answer of the broker, after a first judgement said CONFIRM.
        now: the present, aware; without it nothing is held to be from the future.
        old_unreadable: there is a file, but nobody can tell what it holds: an empty portfolio is then judged as if it
            held positions.
        names_account: whether the source says whose positions they are; most exports do not, and are then compared by what
            they hold.
        from_file: no broker answered, a file was read: one without positions may be cut off, and proves nothing by itself.
    """
    unread = _unread_rows(new)
    if unread.verdict is not Verdict.ACCEPT:
        return unread
    if old is None:
        return (
            _over_unreadable(new, allow_empty)
            if old_unreadable
            else _plausible(new, allow_empty, from_file)
        )
    case = _Case(
        old=old,
        new=new,
        allow_empty=allow_empty,
        from_file=from_file,
        names_account=names_account,
        confirmation=confirmation,
        now=now,
    )
    if _is_real(old) != _is_real(new) or (not _is_real(old) and _world(old) != _world(new)):
        return _change_of_world(case)
    return _first_objection(case)


def _first_objection(case: _Case) -> Judgement:
    rules: tuple[Callable[[_Case], Judgement], ...] = (
        _same_source,
        _same_account,
        _not_from_the_future,
        _not_older,
        _not_emptied,
        _not_shrunk,
        _not_partial,
        _of_the_same_account,
        _not_cut_off,
    )
    warnings: list[str] = []
    for rule in rules:
        judgement = rule(case)
        if judgement.verdict is not Verdict.ACCEPT:
            return judgement
        warnings.extend(judgement.warnings)
    return Judgement(warnings=tuple(warnings))


def _refuse(reason: str, hint: str) -> Judgement:
    return Judgement(verdict=Verdict.REFUSE, reason=reason, hint=hint)


def _warn(text: str) -> Judgement:
    return Judgement(warnings=(text,))


def _unread_rows(new: Portfolio) -> Judgement:
    """Rows of which none could be read are no empty account."""
    if new.positions or not new.meta.rejected:
        return _ACCEPTED
    rejected = new.meta.rejected
    reasons = ", ".join(sorted({row.reason.value for row in rejected}))
    places = ", ".join(str(row.row) for row in rejected[:_MAX_NAMED])
    more = ", ..." if len(rejected) > _MAX_NAMED else ""
    which = (
        "the only row could not"
        if len(rejected) == 1
        else f"none of the {len(rejected)} rows could"
    )
    reason = f"{which} be read (row {places}{more}: {reasons}), so this is not an empty account"
    return _refuse(reason, "report it with the rows' reasons; the file stays as it is")


def _over_unreadable(new: Portfolio, allow_empty: bool) -> Judgement:
    if new.positions:
        return _ACCEPTED
    if allow_empty:
        return _warn("an empty portfolio replaces a file that could not be read, as asked")
    doubt = _doubt_of_emptiness(new, futures=True)
    if doubt is None:
        return _ACCEPTED
    return _refuse(
        f"the account would be empty, the file there cannot be read, and {doubt}", _EMPTY
    )


def _plausible(new: Portfolio, allow_empty: bool, from_file: bool) -> Judgement:
    """An empty portfolio that replaces no positions: refused where its own balances contradict it.

    A file proves its emptiness by its balances, or by the closed positions that it lists.
    """
    if new.positions or allow_empty:
        return _ACCEPTED
    sign = new.balances.sign_of_positions if new.balances else None
    if sign is not None:
        return _refuse(f"the account would be empty, but {sign}", _EMPTY)
    lists_closed = new.meta.counts is not None and new.meta.counts.closed > 0
    doubt = _doubt_of_emptiness(new, futures=False) if from_file and not lists_closed else None
    if doubt is None:
        return _ACCEPTED
    return _refuse(f"the file has no positions, and {doubt}", _EMPTY)


def _world(portfolio: Outline | Portfolio) -> str:
    return portfolio.meta.environment or "real"


def _is_real(portfolio: Outline | Portfolio) -> bool:
    """Whether money may be at stake; a source that does not tell its world is taken for the real one."""
    return portfolio.meta.environment in {None, Environment.PRODUCTION}


def _change_of_world(case: _Case) -> Judgement:
    old, new = _world(case.old), _world(case.new)
    if _is_real(case.old):
        return _refuse(f"{new} positions would replace real ones", _MOVE)
    plausible = _plausible(case.new, case.allow_empty, case.from_file)
    if plausible.verdict is not Verdict.ACCEPT:
        return plausible
    return _warn(f"the file held {old} positions; it now holds {new} ones")


def _same_source(case: _Case) -> Judgement:
    old, new = case.old.meta.source, case.new.meta.source
    if old == new:
        return _ACCEPTED
    return _refuse(f"the file holds positions of {old}; these are of {new}", _MOVE)


def _same_account(case: _Case) -> Judgement:
    old, new = case.old.meta.account_hash, case.new.meta.account_hash
    if old is None or new is None or is_same_hash(old, new):
        return _ACCEPTED
    reason = f"the file holds account {old}; these are positions of account {new}"
    hint = (
        f"`--all-accounts` gives each account a file of its own; or {_MOVE}."
        " A change of the installation's key gives every account a new hash"
    )
    return _refuse(reason, hint)


def is_same_hash(one: str, other: str) -> bool:
    """Hashes may be cut to different lengths (4 to 64 digits, docs/schema.md): one then begins with the other."""
    shorter, longer = sorted((one.rstrip("*"), other.rstrip("*")), key=len)
    return longer.startswith(shorter)


def _not_from_the_future(case: _Case) -> Judgement:
    if case.now is None or case.new.meta.fetched_at <= case.now + CLOCK_TOLERANCE:
        return _ACCEPTED
    reason = (
        f"these positions are from the future ({_moment(case.new)}): no reader would accept them"
    )
    return _refuse(reason, "set this machine's clock, or the time in the file that was read")


def _not_older(case: _Case) -> Judgement:
    old, new = case.old.meta.fetched_at, case.new.meta.fetched_at
    if new >= old:
        return _ACCEPTED
    if case.now is not None and old > case.now + CLOCK_TOLERANCE:
        return _warn(
            f"the file claimed to be from the future ({_moment(case.old)}); it is replaced"
        )
    reason = f"these positions ({_moment(case.new)}) are older than those in the positions file ({_moment(case.old)})"
    return Judgement(verdict=Verdict.REFUSE, reason=reason, hint=_MOVE, is_older=True)


def _moment(portfolio: Outline | Portfolio) -> str:
    return f"{portfolio.meta.fetched_at:%Y-%m-%dT%H:%M:%SZ}"


def _not_emptied(case: _Case) -> Judgement:
    before = len(case.old.positions)
    if case.new.positions or not before:
        return _plausible(case.new, case.allow_empty, case.from_file)
    if case.allow_empty:
        return _warn(f"an empty portfolio replaces {_rows(before)}, as asked")
    futures = any(holding.type is InstrumentType.FUTURE for holding in case.old.positions)
    doubt = _doubt_of_emptiness(case.new, futures=futures)
    if doubt is None:
        return _ACCEPTED
    return _refuse(
        f"the account would be empty, the file holds {_rows(before)}, and {doubt}", _EMPTY
    )


def _doubt_of_emptiness(new: Portfolio, *, futures: bool) -> str | None:
    """Why the balances do not prove that an account holds nothing; None when they do."""
    balances = new.balances
    if balances is None:
        return "there are no balances to confirm it"
    sign = balances.sign_of_positions
    if sign is not None or new.meta.environment is Environment.SANDBOX:
        return sign
    if balances.maintenance_requirement is None and futures:
        return "the margin, which alone would show futures, is not known"
    if balances.net_liquidating_value == 0 and balances.cash == 0 and not balances.pending_cash:
        return "balances of zero prove nothing"
    return None


def _not_shrunk(case: _Case) -> Judgement:
    before, after = len(case.old.positions), len(case.new.positions)
    unread = len(case.new.meta.rejected)
    if not _is_great_loss(before, after) or (after == 0 and case.allow_empty):
        return _ACCEPTED
    if not _is_great_loss(before, after + unread):
        reason = f"the file holds {_rows(before)}; now {after} could be read and {unread} could not"
        return _refuse(reason, "report it with the rows' reasons; the file stays as it is")
    loss = f"the file holds {_rows(before)}, the answer {after}"
    return _confirmed(
        case, loss, _identities, _refuse(f"{loss}, and a second fetch found other rows", _AGAIN)
    )


def _not_partial(case: _Case) -> Judgement:
    unread = len(case.new.meta.rejected)
    if case.from_file or not unread or case.old.meta.status is not Status.COMPLETE:
        return _ACCEPTED
    loss = f"{plural(unread, 'row')} of the answer cannot be read, and the file is complete"
    return _confirmed(
        case,
        loss,
        _unreadable,
        _refuse(f"{loss}; in a second answer, other rows could be read", _ANEW),
    )


def _of_the_same_account(case: _Case) -> Judgement:
    """Exports that name no account all count as one: of two accounts, each would take the other's place."""
    before = {holding.symbol for holding in case.old.positions}
    if (
        case.names_account
        or not case.new.positions
        or not before
        or not before.isdisjoint(holding.symbol for holding in case.new.positions)
    ):
        return _ACCEPTED
    count = len(case.old.positions)
    which = (
        "the only position of the file before is not"
        if count == 1
        else f"none of the {_rows(count)} of the file before is"
    )
    return _warn(
        f"{which} in this one: is it another account? `variance restore` puts the file before back."
        " Give each account a file of its own with `--output`, or a profile"
    )


def _not_cut_off(case: _Case) -> Judgement:
    """Positions that a file lacks whose end is missing are no closed positions."""
    doubts = case.new.meta.missing_rows
    lost = _lost(case) if doubts else 0
    if not lost:
        return _ACCEPTED
    which = f"{lost} of the {_rows(len(case.old.positions))} of the file before"
    if Caution.POSSIBLY_TRUNCATED in doubts and not case.old.meta.missing_rows:
        verb = "is" if lost == 1 else "are"
        return _refuse(f"{which} {verb} not in this one, and it may be cut off", _WHOLE)
    return _warn(
        f"{which} {'is' if lost == 1 else 'are'} not in this one, and may be missing rather than closed:"
        f" {'; '.join(doubts.values())}"
    )


def _lost(case: _Case) -> int:
    """How many positions of the old document, which have not expired since, are not in the new one."""
    listed = {holding.symbol for holding in case.new.positions}
    today = case.new.meta.fetched_at.date()
    return sum(
        holding.symbol not in listed and not _has_expired(holding.symbol, holding.type, today)
        for holding in case.old.positions
    )


def _has_expired(symbol: str, kind: InstrumentType, today: date) -> bool:
    try:
        expires_on = parse(symbol, instrument_type=kind).expiration
    except SymbolError:
        return False
    return expires_on is not None and expires_on < today


def _confirmed(
    case: _Case, loss: str, rows: Callable[[Portfolio], object], otherwise: Judgement
) -> Judgement:
    """A loss is believed when a second fetch has the same rows."""
    if case.confirmation is None:
        return Judgement(verdict=Verdict.CONFIRM, reason=loss, hint=_AGAIN)
    if rows(case.confirmation) != rows(case.new):
        return otherwise
    return _warn(f"{loss}; a second fetch confirmed it")


def _unreadable(portfolio: Portfolio) -> Counter[tuple[Rejection, str | None]]:
    """Which rows cannot be read, wherever they stand."""
    return Counter((row.reason, row.symbol) for row in portfolio.meta.rejected)


def _is_great_loss(before: int, after: int) -> bool:
    """Whether 80 % or more of the rows are gone, in whole numbers."""
    return before > 0 and 5 * (before - after) >= 4 * before


def _rows(count: int) -> str:
    return plural(count, "position")


def _identities(portfolio: Portfolio) -> Counter[tuple[str, InstrumentType, Side]]:
    """Which rows there are; how many contracts each has may change between two fetches."""
    return Counter((row.symbol, row.type, row.side) for row in portfolio.positions)
