"""`variance sync --all`: every profile, a line for each account."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.cli.sync_outcome import entry, explain, failure, omission, sentence
from variance_bridge.errors import UsageError
from variance_bridge.formatting import plural, printable
from variance_bridge.pipeline.sync_records import Failed, Progress, Result, Skipped, Synced

if TYPE_CHECKING:
    from variance_bridge.pipeline.run_context import RunContext
    from variance_bridge.pipeline.sync_all import ProfileOutcome

_OF_ONE_SYNC = {
    "file": "FILE",
    "input_file": "--input",
    "broker": "--broker",
    "profile": "--profile",
    "account": "--account",
    "output": "--output",
    "settings": "--set",
}


def sync_all_profiles(invocation: Invocation, options: Mapping[str, Any]) -> int:
    """Sync and print; the exit code is the highest of all profiles.

    Raises:
        UsageError: an option that is about a single sync was given.
    """
    for name, option in _OF_ONE_SYNC.items():
        if options.get(name):
            raise UsageError(f"`--all` syncs every profile as variance.toml says: drop `{option}`")
    outcomes = run_sync_all(invocation, options)
    if options.get("as_json"):
        from variance_bridge.document.exact_json import dumps

        click.echo(dumps(document(invocation, outcomes)), nl=False)
    else:
        print_lines(outcomes, invocation, sys.stdout)
    return max((each.exit_code for each in outcomes), default=0)


def run_sync_all(
    invocation: Invocation,
    options: Mapping[str, Any],
    context: RunContext | None = None,
    only: Collection[str | None] | None = None,
) -> list[ProfileOutcome]:
    """The sync of every profile; what there is to say about them goes to stderr.

    Args:
        invocation: of this command.
        options: of the command line.
        context: of the runs before, whose requests count for the brokers' published rates.
        only: the profiles to sync; all of them by default.
    """
    from variance_bridge.pipeline.broker_choice import Choice
    from variance_bridge.pipeline.sync_all import sync_all
    from variance_bridge.pipeline.sync_records import SyncRequest

    request = SyncRequest(
        choice=Choice(),
        quotes=options.get("quotes"),
        all_accounts=options.get("all_accounts", False),
        strict=options.get("strict", False),
        allow_empty=options.get("allow_empty", False),
        dry_run=options.get("dry_run", False),
    )
    context = context or invocation.run_context(trust=options.get("yes", False))

    def progress(profile: str) -> Progress:
        return Progress(
            stage=lambda stage, detail: invocation.note(f"{profile}: {stage} {detail}".rstrip())
        )

    with _waiting(invocation):
        outcomes = sync_all(context, request, progress, only)
    for outcome in outcomes:
        for result in outcome.results:
            explain(invocation, result, _name(outcome))
    return outcomes


@contextmanager
def _waiting(invocation: Invocation) -> Iterator[None]:
    """On a terminal, a sign that something is going on."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    from variance_bridge.cli.progress_line import progress_line

    count = len(invocation.configuration.stated.profiles)
    what = plural(count, "profile") if count else "the configured broker"
    before = invocation.speak
    with progress_line(f"Syncing {what}") as line:
        invocation.speak = line.above
        try:
            yield
        finally:
            invocation.speak = before


def print_lines(
    outcomes: Sequence[ProfileOutcome], invocation: Invocation, stream: TextIO | None
) -> None:
    """The lines, broken at words and with labels where the stream is the user's own screen."""
    from variance_bridge.terminal import laid_out, screen_of

    on_screen = stream is not None and screen_of(stream).is_terminal
    for line in lines(outcomes, invocation, with_labels=on_screen):
        click.echo(laid_out(line, stream) if stream and on_screen else line, file=stream)


def lines(
    outcomes: Sequence[ProfileOutcome], invocation: Invocation, *, with_labels: bool = False
) -> Iterator[str]:
    """One line an account: profile, account, and what was written where, or that it was not.

    Args:
        outcomes: of the profiles.
        invocation: of this command.
        with_labels: whether accounts stand there by their labels, which is for the user's own screen and not for a log.
    """
    hashes = [_account(one) for each in outcomes for one in each.results]
    labels = invocation.account_labels(hashes) if with_labels else {}
    rows = [
        (_name(each), labels.get(_account(one), _account(one)), _what(one, invocation))
        for each in outcomes
        for one in each.results
    ]
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(2)]
    for profile, account, what in rows:
        yield printable(f"{profile:{widths[0]}}  {account:{widths[1]}}  {what}", limit=2000)


def _name(outcome: ProfileOutcome) -> str:
    return outcome.profile or outcome.broker or ""


def _account(result: Result) -> str:
    if isinstance(result, Synced):
        return result.portfolio.meta.account_hash or "–"
    return result.account or "–"


def _what(result: Result, invocation: Invocation) -> str:
    if isinstance(result, Failed):
        return f"not synced (exit {result.error.exit_code})"
    if isinstance(result, Skipped):
        return "not synced: the positions that are saved are newer"
    return sentence(result, invocation).replace("\n", "; ")


def document(invocation: Invocation, outcomes: Sequence[ProfileOutcome]) -> dict[str, Any]:
    """What `--json` says of a sync of all profiles."""
    named = [
        ({"profile": each.profile, "broker": each.broker}, one)
        for each in outcomes
        for one in each.results
    ]
    synced = [{**of, **entry(one)} for of, one in named if isinstance(one, Synced)]
    failed = [
        {**of, **failure(one, invocation.redact)} for of, one in named if isinstance(one, Failed)
    ]
    skipped = [
        {**of, **omission(one, invocation.redact)} for of, one in named if isinstance(one, Skipped)
    ]
    return {"synced": synced, "failed": failed, **({"skipped": skipped} if skipped else {})}
