"""`variance accounts`: the one command that shows what the user calls an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from variance_bridge.cli.invocation import Invocation

if TYPE_CHECKING:
    from pathlib import Path

_SEVERAL = 2


@click.command()
@click.option("--broker", help="Name of an installed broker; the configured one by default.")
@click.option("--profile", help="A profile of variance.toml.")
@click.option(
    "--input",
    "input_file",
    type=click.Path(),
    help="The file to read, for brokers that read files.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, without nicknames.")
@click.pass_obj
def accounts(invocation: Invocation, /, **options: Any) -> None:
    """List accounts by hash, type and nickname, and say how to select one.

    The nickname stays on the screen: it is in no file, no log and not in `--json`.
    """
    from pathlib import Path

    from variance_bridge.pipeline.run import Choice, open_broker

    input_file: Path | None = Path(options["input_file"]) if options["input_file"] else None
    choice = Choice(broker=options["broker"], profile=options["profile"], input_file=input_file)
    run = open_broker(invocation.run_context(), choice)
    found = run.accounts()
    if options["as_json"]:
        from variance_bridge.document.exact_json import dumps

        entries = [{"account_hash": run.account_hash(one), "kind": one.kind} for one in found]
        click.echo(dumps({"accounts": entries}), nl=False)
        return
    _print_table(
        [(run.account_hash(one) or "", one.kind or "", one.nickname or "") for one in found]
    )
    if len(found) < _SEVERAL:
        return
    click.echo("Select one: `variance sync --account HASH`, or for good:", err=True)
    click.echo(f'  [brokers.{run.spec.name}]\n  default_account_id = "HASH"', err=True)


def _print_table(rows: list[tuple[str, str, str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from variance_bridge.formatting import printable

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Account", "Type", "Nickname"):
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(table if rows else "The broker lists no open account.")
