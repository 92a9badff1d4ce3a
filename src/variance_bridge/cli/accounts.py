"""`variance accounts`: the one command that shows what the user calls an account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import UsageError

_SEVERAL = 2


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--broker", help="Name of an installed broker; the configured one by default.")
@click.option("--profile", help="A profile of variance.toml.")
@click.option(
    "--input",
    "input_file",
    type=click.Path(path_type=Path),
    help="The same as FILE.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object, without nicknames and labels."
)
@click.pass_obj
def accounts(invocation: Invocation, /, **options: Any) -> None:
    """List accounts by hash, type, nickname and your own label, and say how to select one.

    FILE is an export: its accounts are listed. Nickname and label stay on the screen: they are in no file, no log and
    not in `--json`. To give an account a label: `[accounts]` in variance.toml.
    """
    from variance_bridge.cli.progress import waiting
    from variance_bridge.pipeline.run import Choice, open_broker

    if options["file"] is not None and options["input_file"] is not None:
        raise UsageError("the file to read was given twice: as FILE and as `--input`")
    input_file: Path | None = options["file"] or options["input_file"]
    choice = Choice(broker=options["broker"], profile=options["profile"], input_file=input_file)
    run = open_broker(invocation.run_context(), choice)
    with waiting("Reading accounts"):
        found = run.accounts()
    if options["as_json"]:
        from variance_bridge.document.exact_json import dumps

        entries = [{"account_hash": run.account_hash(one), "kind": one.kind} for one in found]
        click.echo(dumps({"accounts": entries}), nl=False)
        return
    hashes = [run.account_hash(one) or "" for one in found]
    labels = invocation.account_labels(hashes)
    _print_table(
        [
            (pseudonym, one.kind or "", one.nickname or "", labels.get(pseudonym, ""))
            for pseudonym, one in zip(hashes, found, strict=True)
        ]
    )
    if len(found) < _SEVERAL:
        return
    click.echo("Select one: `variance sync --account HASH`, or for good:", err=True)
    click.echo(f'  [brokers.{run.spec.name}]\n  default_account_id = "HASH"', err=True)


def _print_table(rows: list[tuple[str, str, str, str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from variance_bridge.formatting import printable

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    names = ("Account", "Type", "Nickname", "Label")
    shown = [
        place
        for place, name in enumerate(names)
        if name != "Label" or any(row[place] for row in rows)
    ]
    for place in shown:
        table.add_column(names[place], overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(row[place])) for place in shown))
    Console().print(table if rows else "The broker lists no open account.")
