"""`variance auth login`: obtain credentials from the broker's page, try them once, and only then keep them.

Nothing that is secret is shown: the prompts do not echo, not even the address that comes back from the browser.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click
from msgspec import Struct

from variance_bridge.broker import AuthorizationCode, CredentialPage
from variance_bridge.errors import ConfigurationError, DataRefused, UsageError
from variance_bridge.formatting import path_text, plural, printable
from variance_bridge.personal_values import MAX_SECRET_LENGTH, PersonalKind, Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from variance_bridge.broker import BrokerSpec, Credential
    from variance_bridge.cli.invocation import Invocation
    from variance_bridge.network.oauth_authorization import Request
    from variance_bridge.pipeline.run_context import RunContext
    from variance_bridge.plugins.loading import LoadedPlugin
    from variance_bridge.settings.credential_owner import Login

MAX_WAIT_SECONDS = 300.0
"""For the user to agree in the browser."""

_MAX_PASTES: Final = 3


class Dialogue(Struct, frozen=True, kw_only=True):
    """One log-in.

    Attributes:
        invocation: of the command.
        context: of the run.
        loaded: the broker's plugin.
        login: whose credentials are obtained.
        settings: of the broker.
        open_page: shows an address in a browser; False where there is none.
    """

    invocation: Invocation
    context: RunContext
    loaded: LoadedPlugin
    login: Login
    settings: object
    open_page: Callable[[str], bool]

    @property
    def spec(self) -> BrokerSpec:
        """What the plugin declared."""
        return self.loaded.broker


def log_in(
    invocation: Invocation, login: Login, open_page: Callable[[str], bool], *, trust: bool
) -> None:
    """Obtain credentials, try them, say what they can read, keep them.

    Raises:
        UsageError: there is no terminal to ask on, or the broker needs no credentials.
        ConfigurationError: they cannot be kept.
        BridgeError: what the broker, or the user in the browser, answered.
    """
    from variance_bridge.cli.progress import waiting
    from variance_bridge.pipeline.broker_choice import Choice
    from variance_bridge.pipeline.log_in import try_credentials
    from variance_bridge.pipeline.run import settings_of

    context = invocation.run_context(trust=trust)
    loaded = context.registry.load(login.broker)
    if not loaded.broker.credentials:
        raise UsageError(
            f"the broker `{login.broker}` needs no credentials",
            hint="choose another with `--broker NAME`: `variance brokers` lists them",
        )
    _check_terminal(login)
    context.trust(loaded)
    choice = Choice(broker=login.broker, profile=login.profile)
    configuration = context.configuration
    profile = configuration.profile(configuration.top("profile", login.profile).value)
    settings = settings_of(context, loaded, profile, {}).instance
    dialogue = Dialogue(
        invocation=invocation,
        context=context,
        loaded=loaded,
        login=login,
        settings=settings,
        open_page=open_page,
    )
    file = _file_instead_of_keyring(dialogue)
    started = context.clock.now()
    way = loaded.broker.login
    if isinstance(way, AuthorizationCode):
        given = _by_browser(dialogue, way)
    else:
        given = _by_prompt(dialogue, way)
    with waiting("Trying the log-in"):
        hashes = try_credentials(context, choice, login, given)
    click.echo(
        f"The log-in works: {loaded.broker.title} shows {plural(len(hashes), 'open account')}"
        f" ({', '.join(hashes)})."
    )
    for credential in loaded.broker.credentials:
        if credential.name in given:
            until = started + credential.lifetime if credential.lifetime else None
            place = _keep(dialogue, credential, given[credential.name], until, file)
            click.echo(printable(f"{credential.name}: kept in {place}"))


def _check_terminal(login: Login) -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(
            "a log-in asks questions, and this is not a terminal",
            hint=f"run `variance auth login {login.flags}` in a terminal; or set what you have already:"
            f" `variance auth set {login.flags} NAME < FILE`, or the environment",
        )


def _file_instead_of_keyring(dialogue: Dialogue) -> Path | None:
    """The `.env` file for new credentials, where no keyring protects them and the user agrees; None for the keyring.

    Asked before the log-in, so that none is obtained that cannot be kept.

    Raises:
        ConfigurationError: the user does not agree.
    """
    store = dialogue.invocation.credentials
    if store.keyring_protects:
        return None
    file = store.env_file
    names = [one.name for one in dialogue.spec.credentials if one.applies(dialogue.settings)]
    if all(store.place_of(dialogue.login, name) for name in names):
        return file
    click.echo(
        f"There is no system keyring here that protects secrets ({store.keyring_protection.value}).",
        err=True,
    )
    if click.confirm(
        f"Keep credentials in {path_text(file)}, which only you can read?", default=True, err=True
    ):
        return file
    raise ConfigurationError(
        "there is no place for the credentials",
        hint="set up a system keyring, or use the environment",
    )


def _keep(
    dialogue: Dialogue,
    credential: Credential,
    secret: Secret,
    until: datetime | None,
    file: Path | None,
) -> str:
    """Keep a credential where this log-in has it already, else in the keyring or in the file; what to call that place."""
    store, login, name = dialogue.invocation.credentials, dialogue.login, credential.name
    if store.place_of(login, name) is not None:
        return store.replace(login, name, secret, until)
    if file is not None:
        return store.store_in_env_file(login, name, secret, until)
    return store.store(login, name, secret, until)


def _by_prompt(dialogue: Dialogue, page: CredentialPage | None) -> dict[str, Secret]:
    """Each credential that the broker has a use for, asked for; Enter keeps what is there, or leaves out what is optional."""
    spec = dialogue.spec
    if spec.create_credentials:
        click.echo(spec.create_credentials, err=True)
    if page is not None:
        _show(dialogue, page.url)
    given: dict[str, Secret] = {}
    for credential in spec.credentials:
        if not credential.applies(dialogue.settings):
            continue
        question = f"{credential.name} ({credential.title}"
        if dialogue.context.find_credential(dialogue.login, credential) is not None:
            value = _ask_once(dialogue, f"{question}; Enter keeps the current one)")
        elif not credential.required:
            value = _ask_once(dialogue, f"{question}; Enter skips it)")
        else:
            value = _ask(dialogue, f"{question})")
        if value is not None:
            given[credential.name] = value
    return given


def _by_browser(dialogue: Dialogue, way: AuthorizationCode) -> dict[str, Secret]:
    """The application's credentials, asked for where they are not there, and the refresh token that the browser brings."""
    from variance_bridge.pipeline.log_in import exchange

    given = _new_application(dialogue, way)
    client = {**_application_there(dialogue, way), **given}
    request, address = _answer_of_browser(dialogue, way, client[way.client_id])
    is_pasted = request.redirect.startswith("https://")
    code = request.code(address, needs_state=way.returns_state or not is_pasted)
    token = exchange(dialogue.context, dialogue.spec, way, dialogue.settings, request, code, client)
    return {**given, way.refresh_token: token}


def _application_there(dialogue: Dialogue, way: AuthorizationCode) -> dict[str, Secret]:
    """The credentials of the user's application that are kept already."""
    found = {
        credential.name: dialogue.context.find_credential(dialogue.login, credential)
        for credential in dialogue.spec.credentials
        if credential.name in (way.client_id, way.client_secret)
    }
    return {name: secret for name, secret in found.items() if secret is not None}


def _new_application(dialogue: Dialogue, way: AuthorizationCode) -> dict[str, Secret]:
    """Those that are not, asked for."""
    there = _application_there(dialogue, way)
    missing = [
        credential
        for credential in dialogue.spec.credentials
        if credential.name in (way.client_id, way.client_secret) and credential.name not in there
    ]
    if missing and dialogue.spec.create_credentials:
        click.echo(dialogue.spec.create_credentials, err=True)
    return {one.name: _ask(dialogue, f"{one.name} ({one.title})") for one in missing}


def _answer_of_browser(
    dialogue: Dialogue, way: AuthorizationCode, client_id: Secret
) -> tuple[Request, str]:
    """The log-in that was begun, and the address to which the broker sent the browser."""
    from variance_bridge.network.redirect_listener import RedirectListener

    redirect = way.redirect
    if way.redirect_setting is not None:
        redirect = str(getattr(dialogue.settings, way.redirect_setting))
    if not redirect.startswith("http://127.0.0.1:"):
        request = _begin(dialogue, way, redirect, client_id)
        click.echo(
            f"Log in there and agree. The browser is then sent to an address that begins with {redirect} and shows"
            " an error, which is expected. Copy the whole address from the browser and paste it here,"
            " without delay.",
            err=True,
        )
        return request, _pasted(dialogue, request)
    with RedirectListener(redirect) as listener:
        request = _begin(dialogue, way, listener.address, client_id)
        click.echo("Log in there and agree. Waiting for the browser to come back ...", err=True)
        return request, listener.answer(MAX_WAIT_SECONDS)


def _begin(dialogue: Dialogue, way: AuthorizationCode, redirect: str, client_id: Secret) -> Request:
    from variance_bridge.network.oauth_authorization import Request
    from variance_bridge.pipeline.log_in import at_server

    request = Request.begin(redirect, pkce=way.pkce, random_text=secrets.token_urlsafe)
    page = at_server(way.authorize_url, dialogue.settings)
    _show(dialogue, request.address(page, client_id, way.scope))
    return request


def _pasted(dialogue: Dialogue, request: Request) -> str:
    for _ in range(_MAX_PASTES):
        address = _ask_once(dialogue, "Address from the browser")
        if address is not None and request.is_answered_by(address.reveal()):
            return address.reveal().strip()
        click.echo(
            f"That is not the right address: it begins with {request.redirect} and contains a code.",
            err=True,
        )
    raise DataRefused(
        "the address from the log-in was not pasted",
        hint="run `variance auth login` again, and copy the browser's whole address line",
    )


def _show(dialogue: Dialogue, address: str) -> None:
    """In the browser; where there is none, or it was not wanted, on the screen."""
    if dialogue.open_page(address):
        click.echo("The broker's page is open in your browser.", err=True)
    else:
        click.echo("Open this address in a browser:", err=True)
        # As it is: whoever may log in may see the application's ID, which is not a secret (RFC 6749, section 2.2).
        click.echo(f"  {printable(address, limit=8192)}", err=True)


def _ask(dialogue: Dialogue, question: str) -> Secret:
    """What the user types, without echo; asked again until it is something."""
    while (answer := _ask_once(dialogue, question)) is None:
        click.echo("A value is required.", err=True)
    return answer


def _ask_once(dialogue: Dialogue, question: str) -> Secret | None:
    """What the user types, without echo; None for nothing."""
    value = click.prompt(question, hide_input=True, default="", show_default=False, err=True)
    text = str(value).strip()
    if len(text) > MAX_SECRET_LENGTH:
        raise UsageError(f"what was typed is longer than {MAX_SECRET_LENGTH} characters")
    if not text:
        return None
    dialogue.context.personal.add(text, PersonalKind.CREDENTIAL)
    return Secret(text)


def browser(no_browser: bool, environment: Mapping[str, str]) -> Callable[[str], bool]:
    """Opens an address in the user's browser, where there is one that does not take over the terminal."""

    def open_page(address: str) -> bool:
        if no_browser or not _has_screen(environment):
            return False
        import webbrowser

        try:
            found = webbrowser.get()
            if isinstance(found, webbrowser.GenericBrowser) and not isinstance(
                found, webbrowser.BackgroundBrowser
            ):
                return False
            return found.open(address)
        except (webbrowser.Error, OSError):
            return False

    return open_page


def _has_screen(environment: Mapping[str, str]) -> bool:
    """Whether a window can be opened: on Linux a display says so."""
    if not sys.platform.startswith("linux"):
        return True
    return any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
