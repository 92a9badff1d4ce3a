"""`variance show`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import DataRefused, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from variance_bridge.cli.tables.positions_filter_and_order import Order
    from variance_bridge.reading.book import Book
    from variance_bridge.reading.currency_conversion import Converted


@click.command(
    epilog="\b\nExamples:\n  variance show --sort pl\n  variance show --root SPY --root QQQ\n  variance show export.csv\n  variance show --json | jq .positions"
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--account", metavar="HASH", help="Only this account: its label or hash, or the start of it."
)
@click.option("--root", "roots", multiple=True, help="Only positions of this root, such as SPY.")
@click.option(
    "--sort", metavar="COLUMN", help="Sort by a column, such as pl, days, value or delta."
)
@click.option("--reverse", is_flag=True, help="Reverse the order of `--sort`.")
@click.option("--any-age", is_flag=True, help="Show positions however old they are.")
@click.option("--partial", is_flag=True, help="Exit 0 even if one of several files cannot be read.")
@click.option(
    "--currency",
    metavar="EUR",
    help="Also show totals in this currency (see `variance fx`).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def show(
    invocation: Invocation,
    files: tuple[Path, ...],
    *,
    account: str | None,
    roots: tuple[str, ...],
    sort: str | None,
    reverse: bool,
    any_age: bool,
    partial: bool,
    currency: str | None,
    as_json: bool,
) -> int:
    """Show positions files (`.json`, or brokers' exports) as a table.

    Without FILES: the positions files of all accounts. Several are shown together: positions of
    one root side by side, totals by currency. `--json` prints the document of one file as it is, without `--currency`. `--sort` puts the
    largest number, the nearest expiration or the first name first.
    """
    if as_json and (roots or sort):
        raise UsageError("`--json` prints the whole document", hint="drop `--root` and `--sort`")
    for file in files:
        if not file.exists():
            _refuse_symbol(file)
    order = _order(roots, sort, reverse=reverse)
    book = invocation.book(
        files,
        account=account,
        any_age=any_age,
        may_be_unread=partial,
        check=lambda found: _check(order, found),
    )
    converted = None
    if currency is not None:
        sums = {each: totals.sums for each, totals in book.totals_by_currency.items()}
        portfolios = [each.portfolio for each in book.snapshots]
        converted = invocation.in_currency(sums, currency, portfolios=portfolios)
    if as_json:
        click.echo(_json(book, converted), nl=False)
    else:
        hashes = [each.portfolio.meta.account_hash for each in book.snapshots]
        _print(book, order, converted, invocation.account_labels(hashes))
    return 0 if partial else book.exit_code


def _refuse_symbol(file: Path) -> None:
    """`variance show aapl`: a symbol in the place of a file."""
    from variance_bridge.cli.tables.positions_filter_and_order import may_be_root

    if may_be_root(str(file)):
        raise DataRefused(
            "there is no such file",
            where=str(file),
            hint=f"for the positions of a symbol: `variance show --root {str(file).upper()}`",
        )


def _json(book: Book, converted: Converted | None) -> bytes:
    from variance_bridge.document.convert import to_bytes
    from variance_bridge.document.exact_json import dumps
    from variance_bridge.reading.book_document import book_document

    if len(book.sources) == len(book.snapshots) == 1 and converted is None:
        return to_bytes(book.snapshots[0].portfolio)
    return dumps(book_document(book, converted))


def _order(roots: tuple[str, ...], sort: str | None, *, reverse: bool) -> Order | None:
    """What was asked for; None for all positions as they are in the file."""
    if not (roots or sort or reverse):
        return None
    from variance_bridge.cli.tables.positions_filter_and_order import Order, sort_key

    if reverse and sort is None:
        raise UsageError("`--reverse` needs `--sort`", hint="for example: --sort pl --reverse")
    return Order(roots=roots, sort=None if sort is None else sort_key(sort), reverse=reverse)


def _check(order: Order | None, book: Book) -> None:
    """A mistake in the command is not preceded by warnings of the files."""
    if order is not None:
        order.check(holding for each in book.snapshots for holding in each.portfolio.positions)


def _print(
    book: Book, order: Order | None, converted: Converted | None, labels: Mapping[str, str]
) -> None:
    from rich.console import Console

    from variance_bridge.cli.tables.book_table import BookTable, converted_line
    from variance_bridge.cli.tables.positions_table import positions_table

    console = Console()
    if len(book.sources) > 1 or not book.snapshots:
        console.print(BookTable(book, order, converted, labels), crop=False)
        return
    snapshot = book.snapshots[0]
    label = labels.get(snapshot.portfolio.meta.account_hash or "")
    console.print(positions_table(snapshot, order, label), crop=False)
    if converted is not None:
        console.print(converted_line(converted, book))
