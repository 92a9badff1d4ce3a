"""`variance history` and `variance diff`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from variance_bridge import Snapshot
    from variance_bridge.commands import Converted, Invocation
    from variance_bridge_history.account_comparison import Comparison
    from variance_bridge_history.database import Entry, History

_FILE = click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="The history; beside the newest positions file by default.",
)
_ACCOUNT = click.option(
    "--account", metavar="HASH", help="Only this account, by its hash or label."
)
_SINCE = "`yesterday`, a day (2026-03-02; in New York), or an instant with its zone."
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@_FILE
@_ACCOUNT
@click.option("--since", metavar="DAY", help=f"Only documents from this day on: {_SINCE}")
@click.option(
    "--currency", metavar="EUR", help="Also show each amount in this currency, at that day's rate."
)
@_JSON
@click.pass_obj
def history(
    invocation: Invocation,
    file: Path | None,
    account: str | None,
    *,
    since: str | None,
    currency: str | None,
    as_json: bool,
) -> None:
    """Show net liquidity and profit over time.

    The history is kept by the listener `history`: put `listeners = ["history"]` into variance.toml.
    """
    from variance_bridge.commands import dumps
    from variance_bridge_history.database import open_history
    from variance_bridge_history.since import beginning

    first = None if since is None else beginning(since, invocation.clock.now())
    with open_history(_existing(invocation, file)) as kept:
        entries = _entries(invocation, kept, account)
        if first is not None:
            entries = _from(first, entries)
        found = {each.sha256: _converted(invocation, kept, each, currency) for each in entries}
    if as_json:
        listed = [_entry(each, found[each.sha256]) for each in entries]
        click.echo(dumps({"entries": listed}), nl=False)
        return
    from variance_bridge_history.screen import history_lines

    labels = invocation.account_labels(each.account_hash for each in entries)
    _print(lambda width: history_lines(entries, found, width, labels))


def _print(lines: Callable[[int | None], Iterable[str]]) -> None:
    """Lines of the width of the screen, if it has one."""
    from variance_bridge.terminal import screen_of
    from variance_bridge_history.screen import coloured

    screen = screen_of(sys.stdout)
    for line in lines(screen.width):
        click.echo(coloured(line) if screen.colour else line)


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
@click.argument("old", required=False, type=click.Path(path_type=Path))
@click.argument("new", required=False, type=click.Path(path_type=Path))
@_FILE
@_ACCOUNT
@click.option(
    "--since",
    metavar="DAY",
    help=f"Compare with the last document up to the end of this day: {_SINCE}",
)
@_JSON
@click.pass_obj
def diff(
    invocation: Invocation,
    old: Path | None,
    new: Path | None,
    file: Path | None,
    account: str | None,
    *,
    since: str | None,
    as_json: bool,
) -> None:
    """Show what was opened, closed, changed, rolled or expired, and the profit since.

    OLD and NEW are positions files or exports of one account; without them, the last two documents of each account in the
    history are compared; with `--since`, the last one up to that day and the newest.
    """
    from variance_bridge.commands import dumps

    if (old is None) != (new is None):
        raise click.UsageError("give both OLD and NEW, or neither")
    if old is not None and since is not None:
        raise click.UsageError("give OLD and NEW, or --since: it picks documents of the history")
    if old is not None and new is not None:
        found = [_of_files(invocation, old, new)]
    else:
        found = list(_of_history(invocation, file, account, since))
    if as_json:
        from variance_bridge_history.diff_document import diff_document

        click.echo(dumps(diff_document(found)), nl=False)
        return
    from variance_bridge_history.screen import diff_lines

    labels = invocation.account_labels(each.account for each in found)
    _print(lambda width: diff_lines(found, width, labels))


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
    if "history" in invocation.listeners:
        return (
            "it is switched on, and begins with the next complete sync: a document with rows that could"
            " not be read is not kept"
        )
    return (
        'put listeners = ["history"] into variance.toml'
        f" (in {invocation.folder}, unless you named another), and sync"
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

    found = [each for each in entries if each.fetched_at >= first]
    if entries and not found:
        raise DataRefused(
            f"the history holds no document since {_minute(first)};"
            f" the newest is of {_minute(entries[-1].fetched_at)}",
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
    invocation: Invocation, file: Path | None, account: str | None, since: str | None
) -> Iterator[Comparison]:
    from variance_bridge_history.account_comparison import compare, kept_state
    from variance_bridge_history.database import open_history
    from variance_bridge_history.since import end

    now = invocation.clock.now()
    last = None if since is None else end(since, now)
    with open_history(_existing(invocation, file)) as kept:
        by_account: dict[str, list[Entry]] = {}
        for entry in _entries(invocation, kept, account):
            if entry.fetched_at <= now + _CLOCKS_DIFFER:
                by_account.setdefault(entry.account_hash, []).append(entry)
            else:
                invocation.warn(
                    f"{entry.account_hash}: a document from the future ({_minute(entry.fetched_at)}) is not"
                    " compared: the clock was wrong when it was kept"
                )
        if last is None:
            pairs = {name: each[-2:] for name, each in by_account.items() if len(each) > 1}
        else:
            pairs = _pairs_since(invocation, by_account, last)
        for account_hash, pair in pairs.items():
            before, after = (kept_state(kept, each) for each in pair)
            yield compare(account_hash, before, after)


def _pairs_since(
    invocation: Invocation, by_account: Mapping[str, list[Entry]], last: datetime
) -> dict[str, list[Entry]]:
    """Of each account the last document up to that moment, and its newest.

    Raises:
        DataRefused: no account has one that old.
    """
    from variance_bridge import DataRefused

    pairs = {}
    oldest = {name: entries[0].fetched_at for name, entries in by_account.items()}
    for name, entries in by_account.items():
        if earlier := [each for each in entries if each.fetched_at <= last]:
            pairs[name] = [earlier[-1], entries[-1]]
    if oldest and not pairs:
        raise DataRefused(
            f"the history holds no document up to {_minute(last)};"
            f" the oldest is of {_minute(min(oldest.values()))}",
            hint="give `--since` a later day, or leave it out to compare the last two documents",
        )
    for name in oldest.keys() - pairs.keys():
        invocation.warn(
            f"{name}: not compared: its oldest document is of {_minute(oldest[name])}, which is later"
        )
    return pairs


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


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
