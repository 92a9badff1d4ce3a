"""`variance brokers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from variance_bridge.cli.invocation import Invocation

if TYPE_CHECKING:
    from variance_bridge.plugins.registry import Listing


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def brokers(invocation: Invocation, *, as_json: bool) -> None:
    """List installed brokers, their versions and states.

    A broken plugin is a line of the list, with its reason; all others work as if it were not there.
    """
    entries = [_entry(invocation, listing) for listing in invocation.registry.listing()]
    if as_json:
        from variance_bridge.document.exact_json import dumps

        click.echo(dumps({"brokers": entries}), nl=False)
        return
    _print_table(entries)


def _entry(invocation: Invocation, listing: Listing) -> dict[str, Any]:
    state, reason = listing.state.value, listing.reason
    if listing.loaded is not None:
        spec = listing.loaded.broker
        states = invocation.credentials.states(spec.name, spec.credentials)
        missing = [one.name for one in states if one.required and one.origin is None]
        state = "credentials missing" if missing else "ready"
        reason = ", ".join(missing) or None
    return {
        "name": listing.name,
        "title": listing.loaded.broker.title if listing.loaded else None,
        "distributions": list(listing.distributions),
        "state": state,
        "reason": reason,
    }


def _print_table(entries: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from variance_bridge.formatting import printable

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("Broker", "Title", "Distribution", "State"):
        table.add_column(name, overflow="fold")
    for entry in entries:
        style = {"ready": "green", "credentials missing": "yellow"}.get(entry["state"], "red")
        state = entry["state"] + (f": {entry['reason']}" if entry["reason"] else "")
        table.add_row(
            Text(printable(entry["name"]), style="bold"),
            Text(printable(entry["title"] or "–")),
            Text(printable("\n".join(entry["distributions"]))),
            Text(printable(state), style=style),
        )
    Console().print(table if entries else "No broker is installed.")
