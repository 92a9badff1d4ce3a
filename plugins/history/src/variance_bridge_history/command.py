"""`variance history` and `variance diff`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from variance_bridge import Snapshot
    from variance_bridge.commands import Converted, Invocation
    from variance_bridge.money import Sum
    from variance_bridge_history.account_comparison import Comparison
    from variance_bridge_history.database import Entry, History
    from variance_bridge_history.document_pairs import Pair

LISTENER = "history"
"""The name of our entry point."""

_FILE = click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="The history; beside the newest positions file by default.",
)
_ACCOUNT = click.option(
    "--account", metavar="HASH", help="Only this account, by its hash or label."
)
_SINCE = "`today`, `yesterday`, `monday`, `5d`, `2h`, a day (2026-03-02; in New York), or an instant with its zone."


def _offered_days(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[str]:
    """What the shell completes where a day is expected."""
    from variance_bridge_history.named_time import DAYS

    return [day for day in DAYS if day.startswith(incomplete.lower())]


class _FileOrTime(click.Path):
    """A path; the shell offers the names of days, too."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The days that begin so, if something was typed; else files."""
        days = _offered_days(ctx, param, incomplete) if incomplete else []
        return [CompletionItem(day) for day in days] or super().shell_complete(
            ctx, param, incomplete
        )


_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group(invoke_without_command=True)
@_FILE
@_ACCOUNT
@click.option(
    "--since",
    metavar="DAY",
    shell_complete=_offered_days,
    help=f"Only documents from this day on: {_SINCE}",
)
@click.option(
    "--currency", metavar="EUR", help="Also show each amount in this currency, at that day's rate."
)
@_JSON
@click.pass_context
def history(
    context: click.Context,
    file: Path | None,
    account: str | None,
    *,
    since: str | None,
    currency: str | None,
    as_json: bool,
) -> None:
    """Show net liquidity and profit over time.

    `variance history enable` turns it on.
    """
    if context.invoked_subcommand is not None:
        return
    invocation: Invocation = context.obj
    from variance_bridge.commands import dumps
    from variance_bridge_history.database import open_history
    from variance_bridge_history.named_time import beginning

    first = None if since is None else beginning(since, invocation.clock.now())
    with open_history(_existing(invocation, file)) as kept:
        every = _entries(invocation, kept, account)
        entries = every if first is None else _from(first, every)
        found = {each.sha256: _converted(invocation, kept, each, currency) for each in entries}
        if as_json:
            listed = [_entry(each, found[each.sha256]) for each in entries]
            click.echo(dumps({"entries": listed}), nl=False)
            return
        from variance_bridge_history.screen import history_lines

        earlier = every[: len(every) - len(entries)]
        labels = invocation.account_labels(each.account_hash for each in every)
        known = partial(_known_profit, kept)

        def lines(width: int | None) -> Iterator[str]:
            return history_lines(
                entries,
                found,
                width,
                labels,
                earlier,
                known,
                lambda entry: kept.may_lack_rows(entry.sha256),
            )

        _print(lines, labels)


def _known_profit(kept: History, entry: Entry) -> Sum | None:
    """What the positions of a document state of their profit, where not all of them do."""
    from variance_bridge import DataRefused
    from variance_bridge.money import add_up
    from variance_bridge_history.database import profits_in
    from variance_bridge_history.earlier_documents import snapshot_of

    try:
        return add_up(profits_in(snapshot_of(kept, entry).portfolio, entry.currency))
    except DataRefused:
        return None


@history.command()
@click.pass_obj
def enable(invocation: Invocation) -> None:
    """Keep each document from now on, and the positions files that are there.

    Adds the listener `history` to variance.toml.
    """
    from variance_bridge.formatting import path_text, plural
    from variance_bridge_history.existing_files import take_in

    file = invocation.enable_listener(LISTENER)
    click.echo(f"The history is on: each sync adds to it ({path_text(file)})")
    if kept := take_in(invocation):
        click.echo(f"Taken into it from earlier syncs: {plural(kept, 'document')}")


@history.command()
@click.pass_obj
def disable(invocation: Invocation) -> None:
    """Keep no more documents; what is in the history stays.

    Removes the listener `history` from variance.toml.
    """
    from variance_bridge import DataRefused
    from variance_bridge.formatting import path_text

    was_on = LISTENER in invocation.listeners
    file = invocation.disable_listener(LISTENER)
    click.echo(f"The history {'is off' if was_on else 'was off already'} ({path_text(file)})")
    try:
        kept = _existing(invocation, None)
    except DataRefused:
        return
    click.echo(f"What was kept stays, and can be looked at: {path_text(kept)}")


def _print(lines: Callable[[int | None], Iterable[str]], labels: Mapping[str, str]) -> None:
    """Lines of the width of the screen, if it has one."""
    from variance_bridge.terminal import screen_of
    from variance_bridge_history.screen import coloured

    screen = screen_of(sys.stdout)
    for line in lines(screen.width):
        click.echo(coloured(line, labels.values()) if screen.colour else line)


def _converted(
    invocation: Invocation, kept: History, entry: Entry, target: str | None
) -> Converted | None:
    """The amounts of an entry in the wanted currency, with the rates that its document states, else those of its day."""
    if target is None:
        return None
    from variance_bridge import Meta, Portfolio
    from variance_bridge.money import add_up

    sums = {name: add_up([getattr(entry, name)]) for name in _AMOUNTS}
    meta = Meta(
        source=entry.source,
        fetched_at=entry.fetched_at,
        exchange_rates=kept.exchange_rates(entry.sha256),
    )
    return invocation.in_currency(
        {entry.currency: sums},
        target,
        entry.fetched_at.date(),
        portfolios=[Portfolio(meta=meta)],
    )


_CLOCKS_DIFFER = timedelta(seconds=120)
"""By so much a document may be ahead, as for `load`."""
_AMOUNTS = ("net_liquidating_value", "unrealized_pl")


@click.command()
@click.argument("old", required=False, type=_FileOrTime())
@click.argument("new", required=False, type=_FileOrTime())
@_FILE
@_ACCOUNT
@click.option(
    "--since",
    metavar="DAY",
    shell_complete=_offered_days,
    help=f"Compare with the last document up to the end of this day (`today`: before it): {_SINCE}",
)
@_JSON
@click.pass_obj
def diff(
    invocation: Invocation,
    old: str | None,
    new: str | None,
    file: Path | None,
    account: str | None,
    *,
    since: str | None,
    as_json: bool,
) -> None:
    """Show what was opened, closed, changed, rolled or expired, and the profit since.

    Without OLD and NEW, the last two documents of each account in the history are compared. OLD and NEW are two files of one
    account (positions files or exports), or two days or instants of the history, such as `monday yesterday`; OLD alone is
    the same as `--since OLD`.
    """
    from variance_bridge.commands import dumps

    if old is not None and since is not None:
        raise click.UsageError("give OLD and NEW, or --since: it picks documents of the history")
    times = _times(invocation, since, old, new)
    unchanged: list[Pair] = []
    if times is None and old is not None:
        if new is None:
            raise click.UsageError("give both OLD and NEW, or neither")
        found = [_of_files(invocation, Path(old), Path(new))]
    else:
        found, unchanged = _of_history(invocation, file, account, times)
    if as_json:
        from variance_bridge_history.diff_document import diff_document

        click.echo(dumps(diff_document(found)), nl=False)
        return
    from variance_bridge_history.screen import diff_lines

    labels = invocation.account_labels(each.account for each in found)
    _print(
        lambda width: [*diff_lines(found, width, labels), *_last_changes(unchanged, labels, width)],
        labels,
    )


def _last_changes(
    pairs: Iterable[Pair], labels: Mapping[str, str], width: int | None
) -> Iterator[str]:
    """Where to look for the last change: with `watch`, the last two documents are minutes apart."""
    from variance_bridge.terminal import at_words
    from variance_bridge_history.document_pairs import minute

    for before, after in pairs:
        name = labels.get(before.account_hash, before.account_hash)
        sentence = (
            f"{name}: positions last changed between {minute(before.fetched_at)} and {minute(after.fetched_at)}:"
            f" `variance diff {before.fetched_at:%Y-%m-%dT%H:%M:%SZ}` shows how"
        )
        yield sentence if width is None else at_words(sentence, width)


def _times(
    invocation: Invocation, since: str | None, old: str | None, new: str | None
) -> tuple[datetime, datetime | None] | None:
    """The moments up to which the two documents are looked for; None where files are named, or nothing is.

    Raises:
        UsageError: a file and a time, a time that has not begun, or the later one first.
    """
    from variance_bridge.errors import UsageError
    from variance_bridge.masking import as_typed
    from variance_bridge_history.named_time import TIMES, base, end, named_span

    now = invocation.clock.now()
    if since is not None:
        return base(since, now), None
    given = [each for each in (old, new) if each is not None]
    are_times = [not Path(each).exists() and named_span(each, now) is not None for each in given]
    for each, is_time in zip(given, are_times, strict=True):
        if not is_time and not Path(each).suffix and not Path(each).exists():
            raise UsageError(
                f"{as_typed(each)} is neither a file nor a time", hint=f"times: {TIMES}"
            )
    if not any(are_times) or old is None:
        return None
    if not all(are_times):
        raise UsageError("OLD and NEW are two files, or two times in the history; not one of each")
    times = base(old, now), None if new is None else end(new, now)
    if times[1] is not None and times[0] >= times[1]:
        raise UsageError(f"{old} is not before {new}", hint="name the earlier time first")
    return times


def _existing(invocation: Invocation, file: Path | None) -> Path:
    from variance_bridge import DataRefused
    from variance_bridge_history.database import FILE_NAME

    place = file or invocation.newest_live().parent / FILE_NAME
    if not place.is_file():
        raise DataRefused(
            "there is no history yet", where=str(place), hint=_how_to_begin(invocation)
        )
    return place


def _how_to_begin(invocation: Invocation) -> str:
    if LISTENER in invocation.listeners:
        return (
            "it is switched on, and begins with the next complete sync: a document with rows that could"
            " not be read, or that may be cut off, is not kept"
        )
    return (
        f"turn it on: `variance history enable`, which writes to {invocation.folder} unless you named another"
        " configuration; each sync adds to it from then on"
    )


def _entries(invocation: Invocation, kept: History, account: str | None) -> list[Entry]:
    """The documents of one account, or of all.

    Raises:
        DataRefused: an account was named, and the history has no document of it.
    """
    from variance_bridge import DataRefused

    if account is None:
        return kept.entries()
    hashes = {each.account_hash for each in kept.entries()}
    found = kept.entries(invocation.account_called(account, hashes))
    if not found:
        known = ", ".join(sorted(hashes)) or "none"
        raise DataRefused(
            f"the history has no document of that account (there are: {known})",
            hint="give the account by its hash, as `variance history` prints it",
        )
    return found


def _from(first: datetime, entries: Sequence[Entry]) -> list[Entry]:
    """Those of that moment and later.

    Raises:
        DataRefused: there is none, and there are earlier ones.
    """
    from variance_bridge import DataRefused
    from variance_bridge_history.document_pairs import minute

    found = [each for each in entries if each.fetched_at >= first]
    if entries and not found:
        raise DataRefused(
            f"the history holds no document since {minute(first)};"
            f" the newest is of {minute(entries[-1].fetched_at)}",
            hint="give `--since` an earlier day, or leave it out",
        )
    return found


def _of_files(invocation: Invocation, old: Path, new: Path) -> Comparison:
    from variance_bridge import DataRefused, Status, load
    from variance_bridge_history.account_comparison import compare, state_of

    now = invocation.clock.now()
    read = [load(each, now, any_age=True) for each in (old, new)]
    if not _may_be_of_one_account(*read):
        names_none = None in (read[0].account, read[1].account)
        raise DataRefused(
            "the two files are of different accounts, or only one of them names its account"
            if names_none
            else "the two files are of different accounts",
            where=read[1].shown,
            hint="give two files of one account; `variance diff` alone compares each account of the history with itself",
        )
    accounts = {each.portfolio.meta.account_hash for each in read} - {None}
    if read[0].portfolio.meta.fetched_at > read[1].portfolio.meta.fetched_at:
        invocation.warn(f"{read[0].shown} is newer than {read[1].shown}: give the older file first")
    for snapshot in read:
        if snapshot.portfolio.meta.status is Status.PARTIAL or snapshot.portfolio.meta.rejected:
            # The history keeps no such document, for the same reason.
            invocation.warn(
                f"{snapshot.shown}: partial: what its unreadable rows hold looks opened or closed"
            )
    return compare(next(iter(accounts), None) or "", *map(state_of, read))


def _may_be_of_one_account(one: Snapshot, other: Snapshot) -> bool:
    """A positions file and an export cannot be compared in this."""
    are_exports = [each.portfolio.meta.account_hash is None for each in (one, other)]
    return one.account == other.account or len(set(are_exports)) > 1


def _of_history(
    invocation: Invocation,
    file: Path | None,
    account: str | None,
    times: tuple[datetime, datetime | None] | None,
) -> tuple[list[Comparison], list[Pair]]:
    """What changed in each account; and where nothing did in the last two documents, the two between which it last did."""
    from variance_bridge_history.account_comparison import compare, kept_state
    from variance_bridge_history.database import open_history
    from variance_bridge_history.document_pairs import last_change, last_two, pairs_between
    from variance_bridge_history.position_changes import Changes

    found, unchanged = [], []
    with open_history(_existing(invocation, file)) as kept:
        accounts = _by_account(invocation, _entries(invocation, kept, account))
        if times is None:
            pairs = last_two(accounts)
        else:
            pairs = pairs_between(accounts, *times, invocation.warn)
        for name, pair in pairs.items():
            before, after = (kept_state(kept, each) for each in pair)
            found.append(compare(name, before, after))
            if times is None and found[-1].changes == Changes():
                changed = last_change(kept, accounts[name])
                unchanged += [] if changed is None else [changed]
    return found, unchanged


def _by_account(invocation: Invocation, entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The documents of each account; those from the future are left out, with a warning."""
    from variance_bridge_history.document_pairs import minute

    now = invocation.clock.now()
    accounts: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.fetched_at <= now + _CLOCKS_DIFFER:
            accounts.setdefault(entry.account_hash, []).append(entry)
        else:
            invocation.warn(
                f"{entry.account_hash}: a document from the future ({minute(entry.fetched_at)}) is not"
                " compared: the clock was wrong when it was kept"
            )
    return accounts


def _entry(entry: Entry, converted: Converted | None) -> dict[str, Any]:
    from variance_bridge.commands import converted_document, instant_text

    in_one = {} if converted is None else {"in_currency": converted_document(converted)}
    return {
        "account_hash": entry.account_hash,
        "source": entry.source,
        "fetched_at": instant_text(entry.fetched_at),
        "sha256": entry.sha256,
        "status": entry.status,
        "positions": entry.positions,
        "unrealized_pl": entry.unrealized_pl,
        "net_liquidating_value": entry.net_liquidating_value,
        **in_one,
    }
