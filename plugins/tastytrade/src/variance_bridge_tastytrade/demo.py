"""`variance demo`: the whole pipeline against the embedded demo server, then the dashboard.

Nothing of the user is touched: no configuration, credential or key is read, and what is written goes into a temporary
folder that is deleted afterwards. The broker plugin is the real one, over HTTP on this machine.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from variance_bridge.pipeline.context import RunContext

BROKER = "tastytrade"
DASHBOARD = "triage"
TABLE = "show"

_NEXT_STEPS = (
    "This was the demo, with an invented account. To read your own (read-only):\n"
    "  variance auth set --broker tastytrade\n"
    "  variance sync --broker tastytrade"
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """Look around with an invented account: sync and dashboard."""
    from variance_bridge.clock import SystemClock
    from variance_bridge.pipeline.run import Choice
    from variance_bridge.pipeline.sync import SyncRequest, sync
    from variance_bridge_tastytrade.demo_server import DemoPortfolio, DemoServer

    with tempfile.TemporaryDirectory(prefix="variance-demo-") as name:
        folder = Path(name)
        clock = SystemClock()
        with DemoServer(DemoPortfolio.demo(clock.now()), clock.now) as server:
            output = folder / "positions" / "live_tasty.json"
            request = SyncRequest(choice=Choice(broker=BROKER), output=output)
            credentials = {
                "TT_CLIENT_SECRET": server.client_secret,
                "TT_REFRESH_TOKEN": server.refresh_token,
            }
            sync(demo_context(server.url, credentials, folder), request)
        _show(ctx, output, as_json=as_json)
    click.echo(_NEXT_STEPS, err=True)


def demo_context(url: str, credentials: Mapping[str, str], folder: Path) -> RunContext:
    """A run that knows a server on this machine and its credentials, and nothing of this machine's user."""
    import secrets

    from variance_bridge.network.retry import Policy
    from variance_bridge.pipeline.context import RunContext
    from variance_bridge.privacy import PersonalValues, Secret
    from variance_bridge.settings.account_hash import account_hash
    from variance_bridge.settings.configuration import Configuration

    secret_of = {name: Secret(value) for name, value in credentials.items()}
    personal, key = PersonalValues(), secrets.token_bytes(32)
    return RunContext(
        configuration=Configuration(
            folder=folder / "configuration",
            file=None,
            environment={"API_BASE_URL": url},
        ),
        personal=personal,
        policy=Policy(),
        find_credential=lambda _broker, credential: secret_of.get(credential.name),
        hash_account=lambda broker, number: account_hash(key, broker, number),
        warn=lambda message: click.echo(f"Warning: {personal.redact(message)}", err=True),
    )


def _show(ctx: click.Context, file: Path, *, as_json: bool) -> None:
    """The dashboard if a plugin provides one, else the table of positions."""
    from variance_bridge.cli.commands import variance
    from variance_bridge.errors import PluginError

    root = ctx.find_root()
    group = root.command if isinstance(root.command, click.Group) else variance
    name = DASHBOARD
    try:
        chosen = group.get_command(root, DASHBOARD)
    except PluginError as error:
        click.echo(f"Warning: {error}", err=True)
        chosen = None
    if chosen is None:
        name, chosen = TABLE, group.get_command(root, TABLE)
    if chosen is None:
        raise click.UsageError("there is no command that shows positions")
    arguments = [str(file), *(["--json"] if as_json else [])]
    with chosen.make_context(name, arguments, parent=ctx) as inner:
        chosen.invoke(inner)
