"""`variance export`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from variance_bridge.cli.invocation import Invocation

if TYPE_CHECKING:
    from variance_bridge.model import Portfolio


_STDOUT = Path("-")


@click.command()
@click.argument(
    "files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path)
)
@click.option(
    "--format",
    "form",
    metavar="NAME",
    help="csv, parquet, beancount, or a plugin's.",
)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write to a file; `-` is stdout, the default."
)
@click.option("--force", is_flag=True, help="Replace the output file if it exists.")
@click.option(
    "--account", metavar="HASH", help="Only this account: its label or hash, or the start of it."
)
@click.option("--any-age", is_flag=True, help="Export positions however old they are.")
@click.option("--partial", is_flag=True, help="Export the rest if one of several cannot be read.")
@click.pass_obj
def export(
    invocation: Invocation,
    files: tuple[Path, ...],
    form: str | None,
    output: Path | None,
    *,
    force: bool,
    account: str | None,
    any_age: bool,
    partial: bool,
) -> None:
    """Write positions in a format that other programs read.

    FILE is a positions file or a broker's export; the positions of several stand in one table, with source and account in
    each row. If one of them cannot be read or is too old, nothing is written.
    """
    form = form or _unchosen()
    output = None if output == _STDOUT else output
    _check_output(output, files, force=force)
    book = invocation.book(files, account=account, any_age=any_age)
    failed = [source.error for source in book.failed if source.error is not None]
    if failed and not partial:
        raise failed[0]
    write = _format(invocation, form)
    data = write([snapshot.portfolio for snapshot in book.snapshots])
    if output is None:
        _print(data)
    else:
        _write(output, data, force=force)


def _unchosen() -> NoReturn:
    from variance_bridge.errors import UsageError
    from variance_bridge.plugins.registry import EXPORTS, names

    raise UsageError(
        "choose a format", hint=f"use `--format` with one of: {', '.join(sorted(names(EXPORTS)))}"
    )


def _format(invocation: Invocation, name: str) -> Callable[[Sequence[Portfolio]], bytes]:
    """The function of that format; one of a third party is imported only if the user trusts it."""
    from variance_bridge.errors import PluginError
    from variance_bridge.plugins.guard import guarded
    from variance_bridge.plugins.registry import EXPORTS, find_plugin, is_built_in

    plugin = find_plugin(name, EXPORTS, what="export")
    if not is_built_in(plugin):
        invocation.trust_export(plugin)
    with guarded(str(plugin), f"cannot bring the format `{name}`"):
        found = plugin.load()
    if not callable(found):
        raise PluginError(
            f"{plugin} provides something other than a function as the format `{name}`"
        )

    def write(portfolios: Sequence[Portfolio]) -> bytes:
        with guarded(str(plugin), f"cannot write the format `{name}`"):
            data = found(portfolios)
        if not isinstance(data, bytes):
            raise PluginError(
                f"{plugin} returned something other than bytes for the format `{name}`"
            )
        return data

    return write


def _check_output(output: Path | None, files: Sequence[Path], *, force: bool) -> None:
    if output is None or not output.exists():
        return
    if not force:
        raise _kept(output)
    if any(file.exists() and file.samefile(output) for file in files):
        from variance_bridge.errors import UsageError
        from variance_bridge.formatting import path_text

        raise UsageError(
            f"{path_text(output)} is read and would be replaced by its own export",
            hint="choose another `--output`",
        )


def _kept(output: Path) -> Exception:
    from variance_bridge.errors import DataRefused

    return DataRefused(
        "the file exists already and was kept",
        where=str(output),
        hint="use `--force` to replace it",
    )


def _write(output: Path, data: bytes, *, force: bool) -> None:
    from variance_bridge.errors import DataRefused
    from variance_bridge.storage.replace import replace_file

    try:
        replace_file(output, data, overwrite=force)
    except FileExistsError:
        raise _kept(output) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataRefused(f"the export cannot be written: {reason}", where=str(output)) from None


def _print(data: bytes) -> None:
    from variance_bridge.errors import UsageError

    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        if sys.stdout.isatty():
            raise UsageError(
                "the format is not text, and stdout is a terminal", hint="use `--output FILE`"
            ) from None
    click.echo(data, nl=False)
