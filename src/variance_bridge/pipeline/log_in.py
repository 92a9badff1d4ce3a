"""What `variance auth login` does without a screen: exchange a code for a token, and try credentials once."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import structs

from variance_bridge.addresses import base_address, is_this_machine
from variance_bridge.broker import AuthorizationCode, BrokerSpec
from variance_bridge.errors import BrokerRefused, DataRefused
from variance_bridge.network.declared_hosts import Reach
from variance_bridge.personal_values import PersonalKind, Secret
from variance_bridge.pipeline.broker_choice import Choice
from variance_bridge.pipeline.run import open_broker

if TYPE_CHECKING:
    from variance_bridge.broker import Credential
    from variance_bridge.network.oauth_authorization import Request
    from variance_bridge.pipeline.run_context import RunContext
    from variance_bridge.settings.credential_owner import Login

_REFUSED = (400, 401, 403)


def at_server(url: str, settings: object) -> str:
    """An address of the broker, or the same on the server of this machine that the settings name (`base_url`)."""
    named = getattr(settings, "base_url", None)
    if not isinstance(named, str) or not is_this_machine(named):
        return url
    return base_address(named, url, setting="base_url") + urlsplit(url).path


def exchange(
    context: RunContext,
    spec: BrokerSpec,
    login: AuthorizationCode,
    settings: object,
    request: Request,
    code: Secret,
    client: Mapping[str, Secret],
) -> Secret:
    """The refresh token that the broker grants for a code. Asked for once: a code is good for one exchange.

    Args:
        context: of the run.
        spec: of the broker.
        login: as it declares it.
        settings: of the broker.
        request: the log-in that the code belongs to.
        code: that the browser brought.
        client: the application's credentials by name.

    Raises:
        BrokerRefused: the broker does not take the code, or the application's key.
        BrokerUnreachable: no answer.
        DataRefused: an answer without a refresh token.
    """
    context.personal.add(code, PersonalKind.CREDENTIAL)
    form: dict[str, str | Secret] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": request.redirect,
    }
    if request.verifier is not None:
        context.personal.add(request.verifier, PersonalKind.CREDENTIAL)
        form["code_verifier"] = request.verifier
    headers: dict[str, str | Secret] = {}
    secret = client[login.client_secret] if login.client_secret else None
    if login.basic:
        headers["Authorization"] = basic(client[login.client_id], secret or Secret(""))
    else:
        form["client_id"] = client[login.client_id]
        if secret is not None:
            form["client_secret"] = secret
    session = context.open_session(Reach.of(spec))
    response = session.post_token(
        at_server(login.token_url, settings), form=form, headers=headers, once=True
    )
    if response.status in _REFUSED:
        raise BrokerRefused(
            f"{spec.title} does not accept the log-in (status {response.status})",
            hint="the code may be too old, or the application's key and secret wrong: log in again without delay;"
            f" to change them: `variance auth set --broker {spec.name} {login.client_id}`",
        )
    answer = response.json() if response.status == 200 else None
    token = answer.get("refresh_token") if isinstance(answer, Mapping) else None
    if not isinstance(token, str) or not token:
        raise DataRefused(
            f"{spec.title} answered the log-in without a refresh token (status {response.status})",
            hint="log in again; if it happens again, report it to the plugin's authors",
        )
    granted = Secret(token)
    context.personal.add(granted, PersonalKind.CREDENTIAL)
    return granted


def basic(user: Secret, password: Secret) -> Secret:
    """The value of `Authorization` for a user and a password."""
    from variance_bridge.network.connection import basic_authorization

    return Secret(basic_authorization(user.reveal(), password.reveal()))


def try_credentials(
    context: RunContext, choice: Choice, login: Login, given: MutableMapping[str, Secret]
) -> tuple[str, ...]:
    """List the accounts once with credentials that are kept nowhere yet; their hashes.

    Args:
        context: of the run; credentials that are not given come from it.
        choice: the broker and the profile.
        login: whose credentials they are.
        given: the new credentials by name. One that the broker replaces meanwhile is replaced here.

    Raises:
        BridgeError: the broker refuses them, cannot be reached, or lists no open account.
    """

    def find(owner: Login, credential: Credential) -> Secret | None:
        if owner.broker == login.broker and credential.name in given:
            return given[credential.name]
        return context.find_credential(owner, credential)

    def store(owner: Login, name: str, secret: Secret) -> None:
        if name in given:
            given[name] = secret
        else:
            context.store_credential(owner, name, secret)

    def hold(owner: Login, name: str) -> AbstractContextManager[Secret | None]:
        return nullcontext(given[name]) if name in given else context.hold_credential(owner, name)

    trying = structs.replace(
        context,
        find_credential=find,
        store_credential=store,
        hold_credential=hold,
        credential_expiry=lambda _login, _credential: None,
    )
    run = open_broker(trying, choice)
    accounts = run.accounts()
    if not accounts:
        raise DataRefused(
            f"the credentials are accepted, but {run.spec.title} shows no open account for them",
            hint="nothing was kept; check with the broker which accounts they may read",
        )
    return tuple(run.account_hash(account) or "an account" for account in accounts)
