"""`variance restore`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import UsageError

_PREVIOUS = ".prev"
_MAX_LISTED = 12


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def restore(invocation: Invocation, file: Path | None, *, as_json: bool) -> None:
    """Put the previous positions file back in its place.

    A sync keeps the file that it replaces as FILE.prev. This exchanges the two, so that running it again undoes it. Without
    FILE: the positions file, where there is one; of several, it asks which.
    """
    from variance_bridge.document.convert import instant_text
    from variance_bridge.formatting import format_age, path_text, plural, printable
    from variance_bridge.pipeline.restore import restore as bring_back

    if file is None or file.is_dir():
        path = _chosen(invocation, file, asks=not as_json)
    else:
        path = _without_ending(file)
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


def _without_ending(file: Path) -> Path:
    return file.with_suffix("") if file.suffix == _PREVIOUS else file


def _chosen(invocation: Invocation, folder: Path | None, *, asks: bool) -> Path:
    """The only positions file, else the one that the user picks: the newest is not always the one that was meant.

    Raises:
        DataRefused: there is no positions file.
        UsageError: there are several, and nobody can be asked.
    """
    files = _files(invocation, folder)
    if len(files) <= 1:
        return next(iter(files), None) or invocation.newest_live()
    before = [file for file in files if file.with_name(f"{file.name}{_PREVIOUS}").exists()]
    if not before:
        return files[0]  # there is nothing to restore, as the error about it says
    if not (asks and invocation.asks and sys.stdin is not None and sys.stdin.isatty()):
        listed = "".join(f"\n  variance restore {file}" for file in before[:_MAX_LISTED])
        raise UsageError(
            f"there are {len(files)} positions files, and none was named",
            hint=f"name the one to restore:{listed}",
        )
    click.echo("Which positions file?", err=True)
    for place, line in enumerate(_described(invocation, before), 1):
        click.echo(f"  {place}  {line}", err=True)
    number = click.prompt("Number", type=click.IntRange(1, len(before)), err=True)
    return before[number - 1]


def _files(invocation: Invocation, folder: Path | None) -> Sequence[Path]:
    """The positions files, those among them of which the previous one alone is left."""
    from variance_bridge.cli.default_book import live_files
    from variance_bridge.document.newest_file import LIVE_FILES

    place = folder or invocation.output_folder
    known = sorted(place.glob(LIVE_FILES)) if folder else live_files(invocation.configuration)
    left = map(_without_ending, sorted(place.glob(f"{LIVE_FILES}{_PREVIOUS}")))
    return list(dict.fromkeys((*known, *left)))


def _described(invocation: Invocation, files: Sequence[Path]) -> Sequence[str]:
    """Each with the account's label, and of when the previous document is."""
    from variance_bridge.formatting import format_age, printable
    from variance_bridge.pipeline.previous_document import PreviousDocument

    lines = []
    for file in files:
        document = PreviousDocument(file.with_name(f"{file.name}{_PREVIOUS}")).outline
        line = str(file)
        if document is not None:
            account = document.meta.account_hash or ""
            label = invocation.account_labels([account]).get(account, account)
            age = format_age(invocation.clock.now() - document.meta.fetched_at)
            line += f"  {label}, the one before is {age} old"
        lines.append(printable(line))
    return lines
