"""`variance demo`: the whole pipeline against the embedded demo server, then the dashboard.

Nothing of the user is touched: no configuration, credential or key is read, and what is written goes into a temporary
folder that is deleted afterwards. The broker plugin is the real one, over HTTP on this machine.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from variance_bridge.commands import Invocation

BROKER = "tastytrade"
DASHBOARD = "triage"
TABLE = "show"

_DEMO = "This was the demo, with an invented account. To read your own, read-only:"
_NEXT_STEPS = """\
 from an export that you downloaded:
  {variance} sync FILE
 or by API:
  {variance} auth login --broker tastytrade
  {variance} sync --broker tastytrade"""
"""Lines for a terminal of 40 columns."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path),
    help="Write one self-contained HTML page instead of the dashboard.",
)
@click.pass_context
def command(ctx: click.Context, *, as_json: bool, html_file: Path | None) -> None:
    """Look around with an invented account: sync and dashboard."""
    from variance_bridge.commands import simulated_sync
    from variance_bridge_tastytrade.demo_server import DemoPortfolio, DemoServer

    invocation: Invocation = ctx.obj
    now = invocation.clock.now
    with tempfile.TemporaryDirectory(prefix="variance-demo-") as name:
        with DemoServer(DemoPortfolio.demo(now()), now) as server:
            file = simulated_sync(
                BROKER,
                Path(name),
                settings={"base_url": server.url},
                credentials={
                    "TT_CLIENT_SECRET": server.client_secret,
                    "TT_REFRESH_TOKEN": server.refresh_token,
                },
                warn=invocation.warn,
            )
        options = ["--json"] if as_json else []
        if html_file is not None:
            options += ["--html", str(html_file)]
        _show(ctx, file, options)
    width = shutil.get_terminal_size().columns
    click.echo(f"\n{click.wrap_text(_DEMO, width)}", err=True)
    click.echo(_NEXT_STEPS.format(variance=_as_started()), err=True)


def _as_started() -> str:
    """How the user runs the program: by its name, by a path where it is not on PATH, or by a checkout's launcher."""
    if shutil.which("variance"):
        return "variance"
    started = Path(sys.argv[0])
    return str(started) if started.name == "variance" else "./variance"


def _show(ctx: click.Context, file: Path, options: list[str]) -> None:
    """The dashboard where a plugin brings one, else the table of positions."""
    from variance_bridge.errors import PluginError

    root = ctx.find_root()
    if not isinstance(root.command, click.Group):
        raise click.UsageError("this is a command of `variance`: run `variance demo`")
    name = DASHBOARD
    try:
        chosen = root.command.get_command(root, DASHBOARD)
    except PluginError as error:
        click.echo(f"Warning: {error}", err=True)
        chosen = None
    if chosen is None:
        name, chosen = TABLE, root.command.get_command(root, TABLE)
    if chosen is None:
        raise click.UsageError("there is no command that shows positions")
    if name == TABLE and "--html" in options:
        raise click.UsageError(
            "the page needs the dashboard: install the distribution variance-bridge-triage"
        )
    with chosen.make_context(name, [str(file), *options], parent=ctx) as inner:
        chosen.invoke(inner)
