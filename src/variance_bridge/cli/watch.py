"""`variance watch`."""

from __future__ import annotations

import random
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import BridgeError, SyncRunning, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from variance_bridge.pipeline.run_context import RunContext
    from variance_bridge.pipeline.sync_all import ProfileOutcome
    from variance_bridge.pipeline.wake import Wakes
    from variance_bridge.pipeline.watch import Round

_LOCK = "watch"


@click.command()
@click.option("--every", default="5m", show_default=True, help="Time between syncs.")
@click.option("--always", is_flag=True, help="Sync outside market hours too.")
@click.option(
    "--wake/--no-wake",
    default=None,
    help="Listen to brokers that say when something changes, and sync then. On, unless variance.toml says otherwise.",
)
@click.option("--profile", help="Only this profile of variance.toml.")
@click.option("--count", type=click.IntRange(min=1), help="Stop after this many rounds.")
@click.option("--quotes", metavar="SOURCE|none", help="Where prices and greeks come from.")
@click.option("--all-accounts", is_flag=True, help="One file per account.")
@click.option("--strict", is_flag=True, help="Refuse doubtful numbers and rejected rows.")
@click.option("--yes", is_flag=True, help="Trust third-party plugins without asking.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line, one per round."
)
@click.pass_context
def watch(ctx: click.Context, /, **options: Any) -> int:
    """Sync every profile repeatedly, and show the dashboard after each round.

    The first sync is immediate. After that it syncs during market hours, within the brokers'
    published rates. Where a broker says over a connection that something changed, such as a fill,
    it syncs within seconds. A profile that fails is retried at growing intervals; one that its
    broker refuses is not retried. Ctrl-C ends it (exit 130).
    """
    from variance_bridge.cli.sync_all import run_sync_all
    from variance_bridge.pipeline.watch import Pace
    from variance_bridge.pipeline.watch import watch as rounds_of

    invocation: Invocation = ctx.obj
    pace = Pace(every=_length(options["every"]), always=options["always"])
    context = invocation.run_context(trust=options["yes"])
    names = _chosen(context, options["profile"])

    warnings: dict[tuple[str | None, ...], frozenset[str]] = {}

    def sync(due: Collection[str | None]) -> Sequence[ProfileOutcome]:
        last = warnings.get(tuple(due), frozenset())
        with invocation.saying_only_what_is_not_in(last) as said:
            outcomes = run_sync_all(invocation, options, context, due)
        warnings[tuple(due)] = frozenset(said)
        return outcomes

    code = lost = 0
    wakes = _wakes(invocation, context, options)
    with _alone(invocation), wakes.until_done() if wakes else nullcontext():
        for each in rounds_of(
            names,
            sync,
            pace,
            clock=invocation.clock,
            random=random.SystemRandom().random,
            rounds=options["count"],
            news=wakes,
        ):
            if wakes is not None:
                _listen(wakes, each)
            _show(ctx, each, wakes.brokers if wakes else (), as_json=options["as_json"])
            code = max((one.exit_code for one in each.outcomes), default=0)
            lost = max(lost, code if each.given_up else 0)
    return max(code, lost)


def _wakes(invocation: Invocation, context: RunContext, options: Mapping[str, Any]) -> Wakes | None:
    """The threads that listen to brokers; None where nobody is to be listened to."""
    is_wanted = options["wake"]
    if is_wanted is None:
        is_wanted = invocation.configuration.stated.watch.wake
    if not is_wanted:
        return None
    from variance_bridge.pipeline.wake import Board, WakeRun, Wakes

    return Wakes(
        WakeRun(
            context=context,
            board=Board(invocation.clock),
            random=random.SystemRandom().random,
            all_accounts=options["all_accounts"],
            always=options["always"],
        )
    )


def _listen(wakes: Wakes, each: Round) -> None:
    """Listen for the profiles that were synced, and no longer for those that are given up."""
    if each.next_at is None:
        return
    wakes.stop(each.given_up)
    wakes.start(
        one.profile
        for one in each.outcomes
        if one.profile not in each.given_up and one.exit_code == 0
    )


def _length(text: str) -> timedelta:
    from variance_bridge.formatting import format_age
    from variance_bridge.pipeline.watch import MIN_EVERY
    from variance_bridge.settings.duration import parse_duration

    try:
        length = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"`--every`: {error}") from None
    if length < MIN_EVERY:
        raise UsageError(f"`--every` must be at least {format_age(MIN_EVERY)}")
    return length


def _chosen(context: RunContext, profile: str | None) -> Sequence[str | None]:
    """The profiles to sync.

    Raises:
        ConfigurationError: there is no such profile, or nothing to sync.
    """
    from variance_bridge.pipeline.sync_all import profiles_to_sync

    if profile is None:
        return profiles_to_sync(context)
    context.configuration.profile(profile)
    return [profile]


@contextmanager
def _alone(invocation: Invocation) -> Iterator[None]:
    """One watch for a folder: two would ask the brokers twice as often as each of them thinks."""
    from variance_bridge.storage.lock import output_lock

    folder = invocation.output_folder
    try:
        with output_lock(folder / _LOCK, warn=invocation.warn):
            yield
    except SyncRunning as running:
        if running.where != str((folder / _LOCK).absolute()):
            raise
        raise SyncRunning(
            "another `variance watch` is running for this folder",
            where=str(folder),
            hint="end it first (Ctrl-C), or look at what it wrote: `variance`",
        ) from None


def _show(ctx: click.Context, each: Round, listened_to: Sequence[str], *, as_json: bool) -> None:
    invocation: Invocation = ctx.obj
    for name in each.given_up:
        invocation.warn(
            f"{name or 'the broker'} is not tried again until you restart `variance watch`"
        )
    if as_json:
        _print_json(invocation, each)
    elif sys.stdout is not None and sys.stdout.isatty():
        _redraw(ctx, each, listened_to)
    else:
        from variance_bridge.cli.sync_all import lines

        for line in lines(each.outcomes, invocation):
            click.echo(f"{each.at:%Y-%m-%d %H:%M:%S}Z  {line}")
    if sys.stdout is not None:
        sys.stdout.flush()


def _print_json(invocation: Invocation, each: Round) -> None:
    from variance_bridge.cli.sync_all import document
    from variance_bridge.document.convert import instant_text
    from variance_bridge.document.exact_json import dumps

    said = {
        "at": instant_text(each.at),
        **document(invocation, each.outcomes),
        "next_at": instant_text(each.next_at) if each.next_at else None,
    }
    click.echo(dumps(said, indent=None).rstrip(b"\n") + b"\n", nl=False)


def _redraw(ctx: click.Context, each: Round, listened_to: Sequence[str]) -> None:
    """The dashboard in the place of the last one, and when the next sync is."""
    from variance_bridge.cli.home import show_dashboard
    from variance_bridge.cli.sync_all import print_lines
    from variance_bridge.terminal import laid_out

    invocation: Invocation = ctx.obj
    click.clear()
    try:
        show_dashboard(ctx.find_root())
    except BridgeError as error:
        invocation.warn(str(error))
    print_lines(each.outcomes, invocation, sys.stderr)
    if each.next_at is not None:
        sooner = f", or when {' or '.join(listened_to)} says that something changed" * bool(
            listened_to
        )
        when = f"{each.next_at:%a %H:%M:%S} UTC{sooner}{closed_until(each.at, each.next_at)}"
        wait = f"Synced at {each.at:%H:%M:%S} UTC; next at {when}. Ctrl-C ends."
        click.echo(laid_out(wait, sys.stderr, hanging=0) if sys.stderr else wait, err=True)


def closed_until(now: datetime, then: datetime) -> str:
    """`: the market is closed, Thanksgiving Day`, where a sync waits for the market to open."""
    from variance_bridge.trading_hours import is_in_session, next_open, why_closed

    if is_in_session(now) or then < next_open(now):
        return ""
    why = why_closed(now)
    return f": the market is closed{', ' if why else ''}{why}"
