"""`variance restore`."""

from __future__ import annotations

from pathlib import Path

import click

from variance_bridge.cli.invocation import Invocation


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def restore(invocation: Invocation, file: Path | None, *, as_json: bool) -> None:
    """Put the previous positions file back in its place.

    A sync keeps the file that it replaces as FILE.prev. This exchanges the two, so that running it again undoes it. Without
    FILE: the newest positions file.
    """
    from variance_bridge.document.convert import instant_text
    from variance_bridge.formatting import format_age, path_text, plural, printable
    from variance_bridge.pipeline.restore import restore as bring_back

    path = file or invocation.newest_live()
    if path.suffix == ".prev":
        path = path.with_suffix("")
    portfolio = bring_back(path, invocation.warn)
    fetched_at = portfolio.meta.fetched_at
    if as_json:
        from variance_bridge.document.exact_json import dumps

        restored = {
            "path": path_text(path),
            "fetched_at": instant_text(fetched_at),
            "positions": len(portfolio.positions),
        }
        click.echo(dumps({"restored": restored}), nl=False)
        return
    age = format_age(invocation.clock.now() - fetched_at)
    positions = plural(len(portfolio.positions), "position")
    click.echo(printable(f"{positions}, {age} old → {path}\nUndo: variance restore {path}"))
