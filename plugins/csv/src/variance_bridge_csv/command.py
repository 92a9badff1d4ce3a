"""`variance csv`: how a file is read, which formats are known, and checking one's own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from variance_bridge.commands import Invocation
    from variance_bridge_csv.dialect_format.known_dialects import KnownDialect
    from variance_bridge_csv.whole_file import Source

_FOLDER = "csv"
"""Below the configuration folder: where the core lets the broker of this plugin keep its files."""

_MAX_OF_FOLDER = 10
"""An explanation fills a screen."""


@click.group("csv")
def command() -> None:
    """Explain how a broker's export is read, list the known formats, and check your own."""


@command.command("explain", short_help="Say how a file is read, and why.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dialect", help="The format to read it by, instead of the one that is found.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def explain(invocation: Invocation, file: Path, *, dialect: str | None, as_json: bool) -> None:
    """Say how FILE is read and why: its format, each line's kind, each column, each total. Nothing is written.

    For a folder, the newest exports in it are explained, the newest first.
    """
    from variance_bridge_csv.dialect_format import known_dialects

    known = known_dialects.load(invocation.folder / _FOLDER)
    if file.is_dir():
        _explain_folder(invocation, file, known, dialect, as_json=as_json)
        return
    source = _source(invocation, file, known, dialect)
    if as_json:
        _print_json(_facts(source))
    else:
        _print_facts(source)


def _source(
    invocation: Invocation, file: Path, known: Mapping[str, KnownDialect], dialect: str | None
) -> Source:
    """The file, read; where no format fits, what it lacks of those that come nearest is said first."""
    from variance_bridge.errors import DataRefused
    from variance_bridge.formatting import path_text
    from variance_bridge_csv.whole_file import misses, read_source

    try:
        return read_source(file, known, invocation.clock.now(), dialect)
    except DataRefused as error:
        # The options of this command are its own.
        said = (error.hint or "").replace("--set dialect=", "--dialect ")
        if dialect:
            raise type(error)(error.what, where=error.where, hint=said) from error
        for line in misses(file, known):
            click.echo(line, err=True)
        folder = path_text(invocation.folder / _FOLDER)
        own = f"your own formats go into {folder} (docs/dialects.md says how)"
        hint = "\n  ".join(filter(None, (said, own)))
        raise type(error)(error.what, where=error.where, hint=hint) from error


def _explain_folder(
    invocation: Invocation,
    folder: Path,
    known: Mapping[str, KnownDialect],
    dialect: str | None,
    *,
    as_json: bool,
) -> None:
    """The newest files in it; of one that cannot be read, why.

    Raises:
        DataRefused: there is none, or none of them can be read.
    """
    from variance_bridge.errors import DataRefused
    from variance_bridge.formatting import path_text, plural
    from variance_bridge_csv.whole_file import read_source

    files = [path for path in folder.iterdir() if path.suffix.lower() == ".csv" and path.is_file()]
    files.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    sources, refusals = [], []
    for file in files[:_MAX_OF_FOLDER]:
        try:
            sources.append(read_source(file, known, invocation.clock.now(), dialect))
        except DataRefused as refusal:
            refusals.append(refusal)
    if not sources:
        what = f"no .csv file in it can be read; the newest: {refusals[0]}" if refusals else ""
        raise DataRefused(what or "there is no .csv file in this folder", where=path_text(folder))
    if as_json:
        _print_json({"exports": [_facts(source) for source in sources]})
    for place, source in enumerate(() if as_json else sources):
        if place:
            click.echo()
        _print_facts(source)
    for reason in refusals:
        invocation.warn(f"not explained: {reason}")
    if len(files) > _MAX_OF_FOLDER:
        more = plural(len(files) - _MAX_OF_FOLDER, "older file")
        invocation.warn(f"{more} in {path_text(folder)} not explained: `variance csv explain FILE`")


def _facts(source: Source) -> dict[str, Any]:
    from variance_bridge_csv.explanation import explain as facts_of

    return facts_of(source)


def _print_json(facts: Mapping[str, Any]) -> None:
    from variance_bridge.commands import dumps

    click.echo(dumps(facts), nl=False)


def _print_facts(source: Source) -> None:
    from variance_bridge.masking import without_accounts
    from variance_bridge.terminal import screen_of
    from variance_bridge_csv.explanation_screen import as_text

    facts, screen = _facts(source), screen_of(sys.stdout)
    if screen.is_terminal:
        # Whoever looks at it typed the name; what goes into a file or a pipe may be shown to others.
        accounts = [source.file.account, *(part.account for part in source.parsed.accounts)]
        facts["file"] = without_accounts(source.file.path.name, accounts)
    click.echo(as_text(facts, screen.width, colour=screen.colour))


@command.command("check")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
def check(files: tuple[Path, ...]) -> None:
    """Check your own CSV formats (TOML files, or folders of them). Nothing else is read."""
    from variance_bridge.errors import ConfigurationError
    from variance_bridge.formatting import path_text
    from variance_bridge.masking import shown_path
    from variance_bridge_csv.dialect_format import known_dialects

    faulty = False
    for file in [each for named in files for each in _formats_in(named)]:
        try:
            known_dialects.check(file)
        except ConfigurationError as fault:
            faulty = True
            click.echo(f"{shown_path(path_text(file))}: {fault.what}")
        else:
            click.echo(f"{path_text(file)}: good")
    if faulty:
        raise click.exceptions.Exit(ConfigurationError.exit_code)


def _formats_in(named: Path) -> Sequence[Path]:
    return (sorted(named.glob("*.toml")) if named.is_dir() else []) or [named]


@command.command("dialects")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def dialects(invocation: Invocation, *, as_json: bool) -> None:
    """List the formats that are known, and the folder for your own."""
    from variance_bridge.formatting import path_text, printable
    from variance_bridge.terminal import at_words, screen_of
    from variance_bridge_csv.dialect_format import known_dialects

    folder = invocation.folder / _FOLDER
    own = known_dialects.own_names(folder)
    found = [one.dialect for _name, one in sorted(known_dialects.load(folder).items())]
    if as_json:
        from variance_bridge.commands import dumps

        rows = [
            {
                "name": one.name,
                "title": one.title,
                "evidence": one.evidence,
                "first_seen": one.first_seen,
                "last_seen": one.last_seen,
                "yours": one.name in own,
            }
            for one in found
        ]
        click.echo(dumps({"folder": path_text(folder), "dialects": rows}), nl=False)
        return
    width, room = max(len(one.name) for one in found), screen_of(sys.stdout).width
    for one in found:
        notes = [f"seen {one.seen}"] if one.seen else []
        notes += ["yours"] if one.name in own else []
        aside = f" ({', '.join(notes)})" if notes else ""
        head, rest = f"{one.name:<{width}}  ", printable(f"{one.title}{aside}")
        if room is None:
            click.echo(f"{head}{rest}")
        else:
            click.echo(at_words(rest, room, first=head, later=" " * len(head)))
    click.echo(f"\nYour own: {path_text(folder)}/*.toml (docs/dialects.md says how)")
