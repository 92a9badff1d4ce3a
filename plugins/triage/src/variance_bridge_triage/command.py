"""`variance triage`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from variance_bridge.commands import Invocation
    from variance_bridge_triage.rules.report import Report


@click.command("triage")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path),
    help="Write one self-contained HTML page.",
)
@click.option(
    "--thresholds",
    "thresholds_file",
    type=click.Path(path_type=Path),
    help="TOML file of thresholds; triage.toml of the configuration folder by default.",
)
@click.option("--any-age", is_flag=True, help="Judge positions of any age.")
@click.pass_obj
def command(
    invocation: Invocation,
    file: Path | None,
    *,
    as_json: bool,
    html_file: Path | None,
    thresholds_file: Path | None,
    any_age: bool,
) -> None:
    """Group legs into strategies and say which of them need action.

    FILE is a positions file (`.json`) or a broker's export (`.csv`); without it, the newest positions file.
    """
    from variance_bridge import load
    from variance_bridge_triage.rules.report import triage
    from variance_bridge_triage.rules.thresholds import thresholds

    now = invocation.clock.now()
    own = thresholds(invocation.folder, thresholds_file)
    snapshot = load(
        file or invocation.newest_live(), now, any_age=any_age, limits=invocation.age_limits
    )
    for warning in snapshot.warnings:
        invocation.warn(warning)
    report = triage(snapshot, own, now)
    if html_file is not None:
        _write(report, html_file)
    if as_json:
        from variance_bridge.commands import dumps
        from variance_bridge_triage.render.json_report import to_document

        click.echo(dumps(to_document(report)), nl=False)
    elif html_file is None:
        _show(report)


def _write(report: Report, file: Path) -> None:
    from variance_bridge.files import write_file
    from variance_bridge.formatting import printable
    from variance_bridge_triage.render.page import page

    hint = "choose another place with `--html FILE`"
    write_file(file, page(report), title="the page", hint=hint)
    click.echo(printable(f"Wrote {file}"), err=True)


def _show(report: Report) -> None:
    from rich.console import Console

    from variance_bridge_triage.render.terminal import show

    show(report, Console(emoji=False, highlight=False, markup=False))
