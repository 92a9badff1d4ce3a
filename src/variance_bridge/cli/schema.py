"""`variance schema`."""

from __future__ import annotations

import click


@click.command()
def schema() -> None:
    """Print the JSON Schema of the positions file (2020-12)."""
    from variance_bridge.document.schema import schema_text

    click.echo(schema_text(), nl=False)
