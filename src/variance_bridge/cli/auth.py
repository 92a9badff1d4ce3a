"""`variance auth`: credentials obtained, tried and kept. A secret is read from a prompt or stdin, never from arguments."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import BridgeError, ConfigurationError, UsageError
from variance_bridge.masking import as_typed
from variance_bridge.settings.credential_expiry import expiry_words

if TYPE_CHECKING:
    from variance_bridge.broker import BrokerSpec, Credential
    from variance_bridge.settings.credential_owner import Login
    from variance_bridge.settings.credentials import CredentialState


@click.group()
def auth() -> None:
    """Obtain credentials, and keep them in the system keyring."""


_broker_option = click.option("--broker", help="The broker; the configured one by default.")
_profile_option = click.option(
    "--profile", help="A profile with credentials of its own; by default, the shared ones."
)


def _offered_names(ctx: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """What the tab key offers: the credentials of the broker, which is the only plugin that is imported for it."""
    invocation = ctx.find_object(Invocation)
    if invocation is None:
        return []
    try:
        spec, _login = spec_and_login(invocation, ctx.params["broker"], ctx.params["profile"])
    except (BridgeError, OSError):
        return []
    typed = incomplete.upper()
    return [each.name for each in spec.credentials if each.name.startswith(typed)]


@auth.command("set")
@_broker_option
@_profile_option
@click.argument("names", nargs=-1, shell_complete=_offered_names)
@click.pass_obj
def set_credentials(
    invocation: Invocation, broker: str | None, profile: str | None, names: tuple[str, ...]
) -> None:
    """Ask for credentials and keep them in the keyring.

    NAMES are those of the credentials; all required ones by default. With one name, the secret may come from stdin.
    """
    from variance_bridge.personal_values import Secret

    spec, login = spec_and_login(invocation, broker, profile)
    chosen = _chosen(spec, names)
    invocation.credentials.check_keyring(login, chosen[0].name)  # before anything is typed in
    for credential in chosen:
        value = _ask(credential, alone=len(names) == 1)
        until = invocation.clock.now() + credential.lifetime if credential.lifetime else None
        place = invocation.credentials.store(login, credential.name, Secret(value), until)
        click.echo(f"{credential.name}: kept in the {place}")


@auth.command("login", short_help="Obtain credentials from the broker, try them, keep them.")
@_broker_option
@_profile_option
@click.option(
    "--no-browser", is_flag=True, help="Print the address of the broker's page; open no browser."
)
@click.option("--yes", is_flag=True, help="Trust third-party plugins without asking.")
@click.pass_obj
def log_in_(
    invocation: Invocation,
    broker: str | None,
    profile: str | None,
    *,
    no_browser: bool,
    yes: bool,
) -> None:
    """Obtain credentials from the broker's page, try them once, and keep them.

    Opens the page in a browser. New credentials are tried by listing the accounts, and kept only if
    that works: where the old ones are, otherwise in the keyring.
    """
    from variance_bridge.cli.auth_login import browser, log_in

    _spec, login = spec_and_login(invocation, broker, profile)
    log_in(invocation, login, browser(no_browser, invocation.environment), trust=yes)


@auth.command()
@_broker_option
@_profile_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def status(
    invocation: Invocation, broker: str | None, profile: str | None, *, as_json: bool
) -> int:
    """Say where a sync finds each credential, never what it is. Exit 3 when a required one is missing."""
    chosen = invocation.configuration.top("profile", profile).value
    spec, login = spec_and_login(invocation, broker, chosen)
    states = invocation.credentials.states(login, spec.credentials)
    if as_json:
        from msgspec import structs

        from variance_bridge.document.exact_json import dumps

        entries = [
            {
                name: _as_json(value)
                for name, value in structs.asdict(state).items()
                if name != "login"
            }
            for state in states
        ]
        click.echo(dumps({"credentials": entries}), nl=False)
    else:
        if not states:
            click.echo(f"{spec.title} needs no credentials.")
        for state in states:
            place = state.origin or state.problem or "not set"
            optional = "" if state.required else " (optional)"
            click.echo(f"{state.name}{optional}: {place}{_expiry(invocation, state)}")
    missing = any(state.required and state.origin is None for state in states)
    return ConfigurationError.exit_code if missing else 0


@auth.command(short_help="Remove credentials from the keyring.")
@_broker_option
@_profile_option
@click.argument("names", nargs=-1, shell_complete=_offered_names)
@click.pass_obj
def clear(
    invocation: Invocation, broker: str | None, profile: str | None, names: tuple[str, ...]
) -> None:
    """Remove credentials from the keyring; all of the broker's by default.

    With `--broker`, `--profile` may name a profile that is no longer in variance.toml.
    """
    spec, login = spec_and_login(invocation, broker, profile, may_be_gone=broker is not None)
    for credential in _chosen(spec, names or tuple(one.name for one in spec.credentials)):
        gone = invocation.credentials.clear(login, credential.name)
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


def spec_and_login(
    invocation: Invocation,
    broker: str | None,
    profile: str | None,
    *,
    may_be_gone: bool = False,
) -> tuple[BrokerSpec, Login]:
    """The broker that is meant, and whose credentials: those of a profile, or of all.

    Args:
        invocation: of the command.
        broker: what `--broker` says.
        profile: what `--profile` says.
        may_be_gone: whether a profile that the configuration does not have will do.

    Raises:
        ConfigurationError: no broker is chosen, or there is no such profile.
        UsageError: the profile is another broker's.
    """
    configuration = invocation.configuration
    if may_be_gone and profile not in configuration.stated.profiles and broker is not None:
        return invocation.registry.load(broker).broker, configuration.login(broker, profile)
    own = configuration.profile(profile).broker
    name = broker or own or configuration.top("broker").value
    if not name:
        raise ConfigurationError("no broker is chosen", hint="use `--broker NAME`")
    if own is not None and own != name:
        raise UsageError(
            f"the profile {as_typed(profile or '')} is for the broker `{own}`",
            hint=f"leave out `--broker`, or use `--broker {own}`",
        )
    return invocation.registry.load(name).broker, configuration.login(name, profile)


def _as_json(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _expiry(invocation: Invocation, state: CredentialState) -> str:
    if state.expires_at is None:
        return ""
    return f", {expiry_words(state.expires_at, invocation.clock.now())}"


def _chosen(spec: BrokerSpec, names: tuple[str, ...]) -> list[Credential]:
    known = {credential.name: credential for credential in spec.credentials}
    if not known:
        raise UsageError(
            f"the broker `{spec.name}` needs no credentials",
            hint="choose another with `--broker NAME`: `variance brokers` lists them",
        )
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
    from variance_bridge.personal_values import MAX_SECRET_LENGTH

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
