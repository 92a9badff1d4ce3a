"""`variance brokers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.terminal import GREEN, RED, YELLOW

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from variance_bridge.broker import BrokerSpec
    from variance_bridge.plugins.loading import Listing

_MIN_TABLE = 80
"""Columns that the table needs for its names and versions."""

_STYLES = {"ready": GREEN.style, "credentials missing": YELLOW.style, "not used": "dim"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def brokers(invocation: Invocation, *, as_json: bool) -> None:
    """List installed brokers and listeners, their versions and states.

    A broken plugin is a line of the list, with its reason; all others work as if it were not there.
    """
    from variance_bridge.plugins.loading import PluginState

    entries = [_entry(invocation, listing) for listing in invocation.registry.brokers()]
    listeners = [
        {
            "name": listing.name,
            "distributions": list(listing.distributions),
            "state": "ready" if listing.state is PluginState.LOADED else listing.state.value,
            "reason": listing.reason,
        }
        for listing in invocation.registry.listeners(invocation.configuration.listeners)
    ]
    if as_json:
        from variance_bridge.document.exact_json import dumps

        click.echo(dumps({"brokers": entries, "listeners": listeners}), nl=False)
        return
    _print_tables(entries, listeners)


def _entry(invocation: Invocation, listing: Listing) -> dict[str, Any]:
    state, reason = listing.state.value, listing.reason
    if listing.loaded is not None:
        spec = listing.loaded.broker
        missing = _missing(invocation, spec)
        state = "credentials missing" if missing else "ready"
        reason = ", ".join(missing) or None
    return {
        "name": listing.name,
        "title": listing.loaded.broker.title if listing.loaded else None,
        "distributions": list(listing.distributions),
        "state": state,
        "reason": reason,
    }


def _missing(invocation: Invocation, spec: BrokerSpec) -> list[str]:
    """The required credentials that are nowhere; none where one of the broker's profiles has all of its own."""
    from variance_bridge.settings.credential_owner import Login

    profiles = invocation.configuration.stated.profiles
    own = [name for name, table in profiles.items() if table.broker == spec.name]
    lacking = []
    for login in (Login(spec.name), *(Login(spec.name, name) for name in own)):
        states = invocation.credentials.states(login, spec.credentials)
        lacking.append([one.name for one in states if one.required and one.origin is None])
        if not lacking[-1]:
            return []
    return lacking[0]


def _print_tables(brokers: list[dict[str, Any]], listeners: list[dict[str, Any]]) -> None:
    from rich.console import Console

    console = Console()
    form = _table if console.width >= _MIN_TABLE else _list
    console.print(form("Broker", brokers) if brokers else "No broker is installed.")
    for each in brokers:
        if formats := _formats_of(each["name"]):
            listed = ", ".join(formats)
            line = f"{each['name']} reads exports of {listed}; `--broker {formats[0]}` and so on name one"
            console.print(line, highlight=False, markup=False)
    used = [each for each in listeners if each["state"] != "not used"]
    if used:
        console.print(form("Listener", used))
    if unused := [each["name"] for each in listeners if each not in used]:
        console.print(f"Listeners that are not used: {', '.join(unused)}", style="dim")


def _formats_of(broker: str) -> list[str]:
    """The names of formats that a broker reads, which are taken in place of its own."""
    from variance_bridge.plugins.registry import known_plugins

    return sorted(
        name for name, about in known_plugins("format").items() if about["broker"] == broker
    )


def _list(kind: str, entries: list[dict[str, Any]]) -> RenderableType:
    """The same where a table would cut names and states: what belongs to an entry stands below it."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    lines: list[RenderableType] = [Text(f"{kind}s", style="bold")]
    for entry in entries:
        name, state, brought_by = _cells(entry)
        first, *title = name.split("\n")
        below = [*title, state, brought_by]
        lines += [first, *(Padding(each, (0, 0, 0, 2)) for each in below)]
    return Group(*lines, Text())


def _table(kind: str, entries: list[dict[str, Any]]) -> RenderableType:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(kind, no_wrap=True, overflow="fold")
    table.add_column("State", overflow="fold", ratio=1)
    table.add_column("Brought by", no_wrap=True, overflow="fold")
    for entry in entries:
        table.add_row(*_cells(entry))
    return table


def _cells(entry: dict[str, Any]) -> tuple[Text, Text, Text]:
    """Its name, with its title on a line of its own; its state; and what brings it."""
    from rich.text import Text

    from variance_bridge.formatting import printable

    name = Text(printable(entry["name"]), style="bold")
    title = entry.get("title")
    if title and title.casefold() != entry["name"]:
        name.append(f"\n{printable(title)}", style="not bold dim")
    state = Text(printable(entry["state"]), style=_STYLES.get(entry["state"], RED.style))
    if entry["reason"]:
        state.append(f": {printable(entry['reason'])}")
    brought_by = printable("\n".join(entry["distributions"]) or "–")
    return name, state, Text(brought_by, style="dim")
