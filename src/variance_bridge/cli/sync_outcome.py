"""What became of a sync, for people and for programs: a sentence, warnings and notes, and the members of `--json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import structs

from variance_bridge.cli.invocation import Invocation
from variance_bridge.clock import CLOCK_TOLERANCE
from variance_bridge.formatting import ROW_REJECTED, plural
from variance_bridge.model import Caution, Counts, RejectedRow, Rejection, Timeliness
from variance_bridge.pipeline.previous_document import STANDARD_STREAM
from variance_bridge.pipeline.sync_records import Failed, Result, Skipped, Synced

_OF_THE_PIPELINE = frozenset({Rejection.TERMS_CONTRADICT, Rejection.NUMBERS_CONTRADICT})


def explain(invocation: Invocation, result: Result, subject: str = "") -> None:
    """What of an account was not synced, or not whole, on stderr; with `-v` each row and each caution.

    Args:
        invocation: of this command.
        result: of the account.
        subject: what to call the account instead of its hash: its profile.
    """
    of = f"{subject}: " if subject else ""
    if isinstance(result, Failed):
        hint = f"\n  {result.error.hint}" if result.error.hint else ""
        name = subject or result.account
        # A file of a folder that could not be read is of nobody knows which account.
        invocation.warn(
            f"{name} was not synced: {result.error}{hint}" if name else f"{result.error}{hint}"
        )
        return
    if isinstance(result, Skipped):
        invocation.warn(
            f"{of}{result.account} was not synced from {result.file}: {result.error.what}"
        )
        return
    meta = result.portfolio.meta
    for row in meta.rejected:
        symbol = f" ({row.symbol})" if row.symbol else ""
        invocation.note(f"{of}row {row.row}{symbol} was rejected: {row.reason.sentence}")
    if unsaid := _unsaid(invocation, result):
        rows = plural(len(unsaid), "row")
        invocation.warn(f"{of}{rows} rejected: {_counted([row.reason.sentence for row in unsaid])}")
    if meta.flags:
        cautions = [flag.caution.value.replace("_", " ") for flag in meta.flags]
        invocation.note(f"{of}cautions: {_counted(cautions)}")


def _unsaid(invocation: Invocation, result: Synced) -> list[RejectedRow]:
    """The rejected rows of which no warning was given: a broker that names its rows cannot know what contradicts itself."""
    said = any(ROW_REJECTED in warning for warning in invocation.warned)
    rows = result.portfolio.meta.rejected
    return [row for row in rows if not said or row.reason in _OF_THE_PIPELINE]


def _counted(phrases: Iterable[str]) -> str:
    """Most frequent first: `no symbol (3), no strike`."""
    counted = Counter(phrases).most_common()
    return ", ".join(f"{phrase} ({count})" if count > 1 else phrase for phrase, count in counted)


def sentence(result: Synced, invocation: Invocation) -> str:
    """One line a person can read: what was written where, how old it is, and what was not."""
    from variance_bridge.formatting import printable

    meta = result.portfolio.meta
    text = f"{plural(len(result.portfolio.positions), 'position')}{_of_rows(meta.counts)} as of {meta.fetched_at:%Y-%m-%d %H:%M} UTC"
    details = [*_origin_of_time(result), *doubtful(result, invocation)]
    if details:
        text += f" ({'; '.join(details)})"
    if result.path == STANDARD_STREAM:
        place = "→ standard output"
    else:
        place = f"{'→' if result.published else 'not written (dry run):'} {result.path.absolute()}"
    note = f"\n{result.note}" if result.note else ""
    return printable(f"{text} {place}{note}")


def labelled(result: Synced, invocation: Invocation) -> str:
    """`Roth IRA: `, to stand before the sentence on the user's own screen; nothing for an account without a label."""
    account = result.portfolio.meta.account_hash
    label = invocation.account_labels([account]).get(account or "")
    return f"{label}: " if label else ""


def _of_rows(counts: Counts | None) -> str:
    """` (of 5 rows: 1 closed, 1 rejected)`; nothing where each row is a position."""
    if counts is None:
        return ""
    others = {"closed": counts.closed, "rejected": counts.rejected}
    named = ", ".join(f"{count} {name}" for name, count in others.items() if count)
    return f" (of {plural(counts.fetched, 'row')}: {named})" if named else ""


def _origin_of_time(result: Synced) -> Iterator[str]:
    """Nothing but the file system says when some files were exported, so the user should see that."""
    if any(flag.caution is Caution.TIME_FROM_FILE for flag in result.portfolio.meta.flags):
        yield "file time"


def doubtful(result: Synced, invocation: Invocation) -> Iterator[str]:
    """What the user should not miss in the sentence: positions that no command will read, rows that may be missing."""
    meta = result.portfolio.meta
    if result.positions_before is not None:
        count = len(result.portfolio.positions)
        yield f"{plural(result.positions_before, 'position')} before, {count} now"
    if meta.missing_rows:
        yield "rows may be missing"
    now = invocation.clock.now()
    if abs(now - meta.fetched_at) <= CLOCK_TOLERANCE and not _states_limits(invocation):
        return  # as good as now: what judges ages need not be loaded
    from variance_bridge.formatting import age_words
    from variance_bridge.reading.freshness import age_of

    end_of_day = meta.timeliness is Timeliness.END_OF_DAY
    age = age_of(meta.fetched_at, now, end_of_day=end_of_day)
    if not invocation.age_limits.is_readable(age):
        words = age_words(age, end_of_day=end_of_day)
        yield f"{words}: show and triage will refuse this without --any-age"


def _states_limits(invocation: Invocation) -> bool:
    return any(
        limit is not None for limit in structs.astuple(invocation.configuration.stated.freshness)
    )


def entry(result: Synced) -> dict[str, Any]:
    """What `--json` says of an account that was synced."""
    from variance_bridge.formatting import path_text

    return {
        "path": path_text(result.path),
        "published": result.published,
        "note": result.note,
        "meta": result.draft.meta,
    }


def omission(skipped: Skipped, redact: Callable[[str], str]) -> dict[str, Any]:
    """What `--json` says of an account whose newest export is older than what is saved."""
    return {
        "account_hash": skipped.account or None,
        "file": redact(skipped.file),
        "what": redact(skipped.error.what),
    }


def failure(failed: Failed, redact: Callable[[str], str]) -> dict[str, Any]:
    """What `--json` says of an account that was not."""
    return {
        "account_hash": failed.account or None,
        "exit_code": failed.error.exit_code,
        "what": redact(failed.error.what),
    }
