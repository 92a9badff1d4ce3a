"""`variance` without a command: the dashboard of the newest positions, or what to run when there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import UsageError
from variance_bridge.plugins.registry import COMMANDS, names

if TYPE_CHECKING:
    from pathlib import Path


def home(
    ctx: click.Context, *, sync_first: bool, demo: bool, newest_csv: bool, as_json: bool = False
) -> int | None:
    """The flags of users' notes (`./variance --sync`, `--demo`, `--csv`), and the dashboard."""
    if sync_first + demo + newest_csv > 1:
        raise UsageError("`--sync`, `--demo` and `--csv` do not go together")
    invocation: Invocation = ctx.obj
    form = ["--json"] if as_json else []
    if demo:
        return _invoke(ctx, "demo", *form)
    if sync_first:
        return _sync_and_show(ctx, invocation, form)
    files = [invocation.newest_export(".csv")] if newest_csv else []
    return show_dashboard(ctx, *files, options=form)


def _sync_and_show(ctx: click.Context, invocation: Invocation, form: list[str]) -> int | None:
    from variance_bridge.cli.sync import remember_run, run_sync
    from variance_bridge.cli.sync_outcome import explain
    from variance_bridge.pipeline.sync_records import Failed, Synced

    results = run_sync(invocation, {})
    remember_run(invocation, {}, results)
    for result in results:
        if not isinstance(result, Synced):
            explain(invocation, result)
    synced = [result.path for result in results if isinstance(result, Synced)]
    shown = show_dashboard(ctx, *synced, options=form) if synced else None
    return shown or next((one.error.exit_code for one in results if isinstance(one, Failed)), None)


def show_dashboard(ctx: click.Context, *files: Path, options: Sequence[str] = ()) -> int | None:
    """The dashboard where a plugin brings one, else the positions table; without files, of all accounts."""
    return _invoke(ctx, dashboard(), *map(str, files), *options)


def dashboard() -> str:
    """The command that shows positions best: the triage plugin's, else the table."""
    return "triage" if "triage" in names(COMMANDS) else "show"


def _invoke(ctx: click.Context, name: str, *arguments: str) -> int | None:
    group = ctx.command
    if not isinstance(group, click.Group):
        raise TypeError("the dashboard belongs to a group of commands")
    command = group.get_command(ctx, name)
    if command is None:
        raise UsageError(
            f"no installed plugin brings the command `{name}`",
            hint="`variance --help` lists the commands",
        )
    with command.make_context(name, list(arguments), parent=ctx) as inner:
        result = command.invoke(inner)
    return result if isinstance(result, int) else None
