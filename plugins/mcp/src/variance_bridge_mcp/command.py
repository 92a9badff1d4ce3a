"""`variance mcp`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from variance_bridge.commands import Invocation
    from variance_bridge_mcp.folder import Folder


@click.command("mcp")
@click.option(
    "--folder",
    required=True,
    metavar="DIR",
    callback=lambda _context, _option, value: _named(value),
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
    serve = _server()
    from variance_bridge_mcp.folder import Folder

    serve(Folder(folder.resolve(), invocation.clock, invocation.age_limits))


def _named(value: str) -> Path:
    """The folder; an empty name, as of a variable that is not set, is not the working folder."""
    if not value.strip():
        raise click.BadParameter("it is empty; give the folder of your positions files")
    return Path(value)


def _server() -> Callable[[Folder], None]:
    """The server, with the SDK, whose hundreds of classes take most of a start.

    Raises:
        ConfigurationError: the SDK is not installed.
    """
    import gc
    import os

    from variance_bridge import ConfigurationError

    # Pydantic would look through all installed distributions for plugins, and run them here.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    gc.disable()  # Nothing of it is garbage, and looking for some takes a quarter of the time.
    try:
        import mcp  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "`variance mcp` needs the SDK `mcp`, which is not installed",
            hint='pip install "variance-bridge[mcp]"; in a checkout: .venv/bin/pip install -r requirements-extras.lock',
        ) from None
    else:
        from variance_bridge_mcp.server import serve

        gc.freeze()  # So that no later look goes through it either.
        return serve
    finally:
        gc.enable()
