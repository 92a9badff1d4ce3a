"""`variance fx`: exchange rates, for totals in one currency."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from variance_bridge.cli.invocation import Invocation

if TYPE_CHECKING:
    from variance_bridge.reading.currency_conversion import ExchangeRates

_BY_HAND = "download the file with a browser, and give it with `--file`"


@click.group()
def fx() -> None:
    """Get and show exchange rates, for totals in one currency."""


@fx.command(short_help="Fetch the rates of the European Central Bank.")
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="Read a file of the bank (eurofxref, XML or CSV) instead.",
)
@click.option("--history", is_flag=True, help="Fetch the last 90 days, not just the newest.")
@click.pass_obj
def update(invocation: Invocation, file: Path | None, *, history: bool) -> None:
    """Fetch the reference rates of the European Central Bank, or read a file of them."""
    from variance_bridge.reading import central_bank_files
    from variance_bridge.reading.currency_conversion import merged
    from variance_bridge.reading.rates_file import keep_rates, kept_rates

    if file is not None:
        from variance_bridge.files import read_file

        data, where = read_file(file).data, str(file)
    else:
        where = central_bank_files.QUARTER if history else central_bank_files.NEWEST
        data = _fetched(invocation, where)
    folder = invocation.configuration.folder
    rates = merged(kept_rates(folder), central_bank_files.read_reference_rates(data, where))
    kept = keep_rates(folder, rates)
    click.echo(f"{_counted(rates)} → {kept}")


def _fetched(invocation: Invocation, url: str) -> bytes:
    """The file, by the same read-only session that brokers get: one host, https, no redirect followed."""
    from variance_bridge.cli.progress import waiting
    from variance_bridge.errors import BrokerRefused, BrokerUnreachable
    from variance_bridge.network.declared_hosts import Reach
    from variance_bridge.reading.central_bank_files import HOST

    session = invocation.run_context().open_session(Reach(hosts=(HOST,)))
    try:
        with waiting("Fetching the rates"):
            answer = session.get(url)
    except BrokerUnreachable as error:
        raise BrokerUnreachable(
            error.what.replace("the broker", "the bank"), where=error.where, hint=_BY_HAND
        ) from error
    if answer.status != 200:
        raise BrokerRefused(
            f"the bank answered with status {answer.status}",
            where=url,
            hint=_BY_HAND,
        )
    return answer.body


def _counted(rates: ExchangeRates) -> str:
    from variance_bridge.formatting import plural

    newest = rates.newest
    currencies = len(rates.days[newest]) if newest else 0
    return (
        f"{rates.source}: {plural(len(rates.days), 'day')}, the newest {newest} with"
        f" {plural(currencies, 'currency', 'currencies')}"
    )


@fx.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with all days.")
@click.pass_obj
def show(invocation: Invocation, *, as_json: bool) -> None:
    """Show the newest rates: units of each currency for one euro."""
    from variance_bridge.formatting import quantity
    from variance_bridge.reading.rates_file import kept_rates, no_rates

    rates = kept_rates(invocation.configuration.folder)
    if rates is None or rates.newest is None:
        raise no_rates()
    if as_json:
        from variance_bridge.document.exact_json import dumps

        days = {day.isoformat(): dict(units) for day, units in sorted(rates.days.items())}
        click.echo(dumps({"source": rates.source, "base": "EUR", "days": days}), nl=False)
        return
    click.echo(_counted(rates))
    for currency, units in sorted(rates.days[rates.newest].items()):
        click.echo(f"1 EUR = {quantity(units)} {currency}")
