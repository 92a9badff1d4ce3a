"""`variance show`."""

from __future__ import annotations

from pathlib import Path

import click

from variance_bridge.cli.invocation import Invocation


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--any-age", is_flag=True, help="Show positions however old they are.")
@click.option("--json", "as_json", is_flag=True, help="Print the document as one JSON object.")
@click.pass_obj
def show(invocation: Invocation, file: Path | None, *, any_age: bool, as_json: bool) -> None:
    """Show a positions file (`.json`, or a broker's export) as a table.

    Without FILE: the newest positions file.
    """
    from variance_bridge.reading.load import load

    invocation.isolate()  # an export is read by the plugin of its ending
    snapshot = load(
        file or invocation.newest_live(),
        invocation.clock.now(),
        any_age=any_age,
        limits=invocation.age_limits,
    )
    for warning in snapshot.warnings:
        invocation.warn(warning)
    if as_json:
        from variance_bridge.document.convert import to_bytes

        click.echo(to_bytes(snapshot.portfolio), nl=False)
        return
    from rich.console import Console

    from variance_bridge.cli.positions_table import positions_table

    Console().print(positions_table(snapshot), crop=False)
