"""`variance mcp`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from variance_bridge.commands import Invocation


@click.command("mcp")
@click.option(
    "--folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where the positions files are. Nothing outside it is read.",
)
@click.pass_obj
def command(invocation: Invocation, folder: Path) -> None:
    """Answer an assistant's questions about positions (Model Context Protocol over stdin and stdout).

    Read-only: it reads the positions files in DIR and nothing else, contacts no broker, and has no
    credentials. It runs until its input ends; the assistant starts it.
    """
    from variance_bridge import DataRefused

    if not folder.is_dir():
        raise DataRefused("there is no such folder", where=str(folder), hint="run `variance sync`")
    _require_sdk()
    from variance_bridge_mcp.folder import Folder
    from variance_bridge_mcp.server import serve

    serve(Folder(folder.resolve(), invocation.clock, invocation.age_limits))


def _require_sdk() -> None:
    from variance_bridge import ConfigurationError

    try:
        import mcp  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "`variance mcp` needs the SDK `mcp`, which is not installed",
            hint='pip install "variance-bridge[mcp]"; in a checkout: .venv/bin/pip install -r requirements-extras.lock',
        ) from None
