"""`variance accounts`: the one command that shows what the user calls an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import UsageError

if TYPE_CHECKING:
    from variance_bridge.broker import Account, BrokerSpec
    from variance_bridge.pipeline.export_folder import ExportFolder
    from variance_bridge.pipeline.previous_document import PreviousDocument
    from variance_bridge.pipeline.run import BrokerRun

_SEVERAL = 2
_BETWEEN = 3
_MIN_LAST = 24
"""Room for the file in the last column; where there is less, an account has lines of its own."""
_FURTHER_IN = "    "


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

    FILE is an export, or a folder of them: their accounts are listed. Without it, for a broker that reads files: the
    accounts of the folder `input_folder`, else those of the positions files. Nickname and label stay on the screen: they
    are in no file, no log and not in `--json`, which has `account_hash`, `kind`, `as_of` and `file` (the last two of an
    export or positions file; null where none is read). To give an account a label: `[accounts]` in variance.toml.
    """
    from variance_bridge.cli.progress import waiting
    from variance_bridge.pipeline.broker_choice import Choice
    from variance_bridge.pipeline.run import open_broker

    if options["file"] is not None and options["input_file"] is not None:
        raise UsageError("the file to read was given twice: as FILE and as `--input`")
    input_file: Path | None = options["file"] or options["input_file"]
    choice = Choice(broker=options["broker"], profile=options["profile"], input_file=input_file)
    run = open_broker(invocation.run_context(), choice)
    if input_file is None and run.folder is None and (held := _held(invocation, run.spec)):
        _list_held(invocation, held, as_json=options["as_json"])
        return
    with waiting("Reading accounts"):
        found = run.accounts()
    if options["as_json"]:
        _print_json([_entry(run, one, input_file) for one in found])
    else:
        _print_accounts(invocation, run, found)


def _entry(run: BrokerRun, account: Account, input_file: Path | None) -> Mapping[str, Any]:
    """An account in `--json`: `file` is the export that it is read from, and `as_of` its time where that was read."""
    from variance_bridge.document.convert import instant_text

    export = run.folder.export_of(account) if run.folder is not None else None
    file = export.file if export is not None else input_file
    return {
        "account_hash": run.account_hash(account),
        "kind": account.kind,
        "as_of": instant_text(export.fetched_at) if export is not None else None,
        "file": run.shown_name(file) if file is not None else None,
    }


def _print_json(entries: Sequence[Mapping[str, Any]]) -> None:
    from variance_bridge.document.exact_json import dumps

    click.echo(dumps({"accounts": entries}), nl=False)


def _print_accounts(invocation: Invocation, run: BrokerRun, found: Sequence[Account]) -> None:
    """The accounts, of a folder with the file of each, and how to choose one of several."""
    hashes = [run.account_hash(one) or "" for one in found]
    columns = {
        "Account": hashes,
        "Type": [one.kind or "" for one in found],
        "Nickname": [one.nickname or "" for one in found],
        **_labels(invocation, hashes),
    }
    if run.folder is not None:
        columns["Newest export"] = [run.shown_name(run.folder.export_of(one).file) for one in found]
        _warn_of_unread(invocation, run.folder)
    _print_table(columns)
    if len(found) < _SEVERAL:
        return
    all_of_them = "" if run.folder is None else "A sync writes each into a file of its own. "
    click.echo(f"{all_of_them}Select one: `variance sync --account HASH`, or for good:", err=True)
    click.echo(f'  [brokers.{run.spec.name}]\n  default_account_id = "HASH"', err=True)


def _labels(invocation: Invocation, hashes: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """The column of the user's own labels, where there are any."""
    labels = invocation.account_labels(hashes)
    return {"Label": [labels.get(each, "") for each in hashes]} if labels else {}


def _held(invocation: Invocation, spec: BrokerSpec) -> Sequence[PreviousDocument]:
    """The positions files of a broker that reads files: where no export is named, they say which accounts there are."""
    from variance_bridge.broker import Capability
    from variance_bridge.cli.default_book import live_files
    from variance_bridge.pipeline.previous_document import PreviousDocument

    if Capability.READS_FILES not in spec.capabilities:
        return []
    documents = map(PreviousDocument, live_files(invocation.configuration))
    return [each for each in documents if each.outline and each.outline.meta.source == spec.name]


def _list_held(
    invocation: Invocation, documents: Sequence[PreviousDocument], *, as_json: bool
) -> None:
    from variance_bridge.formatting import path_text

    held = [(each.path.name, each.outline.meta) for each in documents if each.outline]
    if as_json:
        from variance_bridge.document.convert import instant_text

        newest: dict[str | None, Mapping[str, Any]] = {}
        for file, meta in sorted(held, key=lambda one: one[1].fetched_at):
            newest[meta.account_hash] = {
                "account_hash": meta.account_hash,
                "kind": None,
                "as_of": instant_text(meta.fetched_at),
                "file": file,
            }
        order = dict.fromkeys(meta.account_hash for _file, meta in held)
        _print_json([newest[each] for each in order])
        return
    hashes = [meta.account_hash or "" for _file, meta in held]
    columns = {
        "Account": hashes,
        **_labels(invocation, hashes),
        "As of": [f"{meta.fetched_at:%Y-%m-%d %H:%M} UTC" for _file, meta in held],
        "Positions file": [file for file, _meta in held],
    }
    _print_table(columns)
    click.echo(
        f"Saved in {path_text(invocation.output_folder.absolute())}. For those of an export: `variance accounts FILE`",
        err=True,
    )


def _warn_of_unread(invocation: Invocation, folder: ExportFolder) -> None:
    from variance_bridge.pipeline.export_folder import refusal_of

    for each in folder.unread:
        if each.may_be_newest:
            invocation.warn(str(refusal_of(each)))


def _print_table(columns: Mapping[str, Sequence[str]]) -> None:
    """The columns in which something stands. Where they are too wide, each account has lines of its own; no name is broken."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from variance_bridge.formatting import printable, short_path
    from variance_bridge.terminal import in_lines

    console = Console()
    shown = {name: list(map(printable, cells)) for name, cells in columns.items() if any(cells)}
    rows = list(zip(*shown.values(), strict=True))
    if not rows:
        console.print("The broker lists no open account.")
        return
    widths = [max(map(len, (name, *cells))) for name, cells in shown.items()]
    *before, last = widths
    room = console.width - sum(before) - _BETWEEN * len(widths)
    if room < min(last, _MIN_LAST):
        for account, *others in rows:
            fitting = max(console.width - len(_FURTHER_IN), 1)
            pieces = [account, *(short_path(each, fitting) for each in others)]
            for line in in_lines(pieces, console.width, later=_FURTHER_IN):
                console.print(Text(line), crop=False)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in shown:
        table.add_column(name, no_wrap=True)
    for *cells, file in rows:
        table.add_row(*map(Text, [*cells, short_path(file, room)]))
    console.print(table)
