"""`variance csv`: how a file is read, which formats are known, and checking one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from variance_bridge.commands import Invocation

_FOLDER = "csv"
"""Below the configuration folder: where the core lets the broker of this plugin keep its files."""


@click.group("csv")
def command() -> None:
    """Explain how a broker's export is read, list the known formats, and check your own."""


@command.command("explain", short_help="Say how a file is read, and why.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dialect", help="The format to read it by, instead of the one that is found.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def explain(invocation: Invocation, file: Path, *, dialect: str | None, as_json: bool) -> None:
    """Say how FILE is read and why: its format, each line's kind, each column, each total. Nothing is written."""
    from variance_bridge.errors import DataRefused
    from variance_bridge.formatting import path_text
    from variance_bridge_csv.dialect_format import known_dialects
    from variance_bridge_csv.source import misses, read_source

    known = known_dialects.load(invocation.folder / _FOLDER)
    try:
        source = read_source(file, known, invocation.clock.now(), dialect)
    except DataRefused:
        for line in [] if dialect else misses(file, known):
            click.echo(line, err=True)
        if not dialect:
            folder = path_text(invocation.folder / _FOLDER)
            click.echo(f"your own formats go into {folder} (docs/dialects.md says how)", err=True)
        raise
    from variance_bridge_csv.explanation import explain as facts_of

    facts = facts_of(source)
    if as_json:
        from variance_bridge.commands import dumps

        click.echo(dumps(facts), nl=False)
    else:
        from variance_bridge.terminal import screen_of
        from variance_bridge_csv.explanation_screen import as_text

        screen = screen_of(sys.stdout)
        click.echo(as_text(facts, screen.width, colour=screen.colour))


@command.command("check")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
def check(files: tuple[Path, ...]) -> None:
    """Check your own CSV formats (TOML files). Nothing else is read."""
    from variance_bridge.errors import ConfigurationError
    from variance_bridge.formatting import path_text
    from variance_bridge_csv.dialect_format import known_dialects

    faulty = False
    for file in files:
        try:
            known_dialects.check(file)
        except ConfigurationError as fault:
            faulty = True
            click.echo(f"{path_text(file)}: {fault.what}")
        else:
            click.echo(f"{path_text(file)}: good")
    if faulty:
        raise click.exceptions.Exit(ConfigurationError.exit_code)


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
