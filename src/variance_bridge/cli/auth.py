"""`variance auth`: credentials in the system keyring. A secret is read from a prompt or stdin, never from arguments."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from variance_bridge.broker import BrokerSpec, Credential


@click.group()
def auth() -> None:
    """Keep credentials in the system keyring."""


_broker_option = click.option("--broker", help="The broker; the configured one by default.")


@auth.command("set")
@_broker_option
@click.argument("names", nargs=-1)
@click.pass_obj
def set_credentials(invocation: Invocation, broker: str | None, names: tuple[str, ...]) -> None:
    """Ask for credentials and keep them in the keyring.

    NAMES are those of the credentials; all required ones by default. With one name, the secret may come from stdin.
    """
    from variance_bridge.privacy import Secret

    spec = _spec(invocation, broker)
    for credential in _chosen(spec, names):
        value = _ask(credential, alone=len(names) == 1)
        place = invocation.credentials.store(spec.name, credential.name, Secret(value))
        click.echo(f"{credential.name}: kept in the {place}")


@auth.command()
@_broker_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(invocation: Invocation, broker: str | None, *, as_json: bool) -> int:
    """Say where each credential was found, never what it is. Exit 3 when a required one is missing."""
    spec = _spec(invocation, broker)
    states = invocation.credentials.states(spec.name, spec.credentials)
    if as_json:
        import attrs

        from variance_bridge.document.exact_json import dumps

        click.echo(dumps({"credentials": [attrs.asdict(state) for state in states]}), nl=False)
    else:
        for state in states:
            place = state.origin or state.problem or "not set"
            optional = "" if state.required else " (optional)"
            click.echo(f"{state.name}{optional}: {place}")
    missing = any(state.required and state.origin is None for state in states)
    return ConfigurationError.exit_code if missing else 0


@auth.command()
@_broker_option
@click.argument("names", nargs=-1)
@click.pass_obj
def clear(invocation: Invocation, broker: str | None, names: tuple[str, ...]) -> None:
    """Remove credentials from the keyring; all of the broker's by default."""
    spec = _spec(invocation, broker)
    for credential in _chosen(spec, names or tuple(one.name for one in spec.credentials)):
        gone = invocation.credentials.clear(spec.name, credential.name)
        click.echo(f"{credential.name}: {'removed' if gone else 'was not in the keyring'}")


@auth.command("rotate-key")
@click.confirmation_option(prompt="Every account gets a new hash. Go on?")
@click.pass_obj
def rotate_key(invocation: Invocation) -> None:
    """Replace the key under which account numbers are hashed. Every account gets a new hash."""
    from variance_bridge.settings.account_hash import FILE_NAME
    from variance_bridge.settings.account_hash import rotate_key as rotate
    from variance_bridge.settings.keyring import Keyring

    rotate(invocation.folder, Keyring())
    click.echo(f"the new key is kept in: {invocation.folder / FILE_NAME}")
    click.echo(
        "Positions files that are there carry the old hash, and a sync does not replace another account's file:"
        " move them away first.",
        err=True,
    )


def _spec(invocation: Invocation, broker: str | None) -> BrokerSpec:
    name = broker or invocation.configuration.top("broker").value
    if not name:
        raise ConfigurationError("no broker is chosen", hint="say `--broker NAME`")
    return invocation.registry.load(name).broker


def _chosen(spec: BrokerSpec, names: tuple[str, ...]) -> list[Credential]:
    known = {credential.name: credential for credential in spec.credentials}
    if not known:
        raise UsageError(f"the broker `{spec.name}` needs no credentials")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(
            f"the broker `{spec.name}` has no credential of that name (it has: {', '.join(known)})",
            hint="a secret is never an argument: give names, and the prompt asks",
        )
    wanted = names or [name for name, credential in known.items() if credential.required]
    return [known[name] for name in wanted]


def _ask(credential: Credential, *, alone: bool) -> str:
    """The secret, without echo from a terminal; from stdin where that is a pipe and one secret is asked for."""
    from variance_bridge.privacy import MAX_SECRET_LENGTH

    if sys.stdin.isatty():
        value = click.prompt(f"{credential.name} ({credential.title})", hide_input=True, err=True)
    elif alone:
        value = sys.stdin.readline(MAX_SECRET_LENGTH + 1).rstrip("\r\n")
    else:
        raise UsageError(
            "several secrets cannot come from one pipe", hint="name one: `variance auth set NAME`"
        )
    if not value or len(value) > MAX_SECRET_LENGTH:
        raise UsageError(f"no acceptable value was given for {credential.name}")
    return str(value)
