"""What a run is given: the one record that is built for it, by the command line, a demo, a reader or a test."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, structs

from variance_bridge import __version__
from variance_bridge.broker import Clock, Credential, Session
from variance_bridge.clock import SystemClock
from variance_bridge.errors import ConfigurationError
from variance_bridge.network.declared_hosts import Reach
from variance_bridge.personal_values import PersonalValues, Secret
from variance_bridge.plugins.loading import LoadedListener, LoadedPlugin, Registry
from variance_bridge.settings.configuration import (
    Configuration,
    read_configuration,
    user_folder,
)
from variance_bridge.settings.credential_owner import Login

if TYPE_CHECKING:
    from variance_bridge.network.limits_and_retries import Policy
    from variance_bridge.network.rate_limits import Rates
    from variance_bridge.settings.credentials import CredentialStore
    from variance_bridge.settings.keyring import Keyring

USER_AGENT = f"variance-bridge/{__version__}"


def _sessions(context: RunContext) -> Callable[[Reach], Session]:
    """Opens read-only sessions within the policy; without one they may call no host. Those of one broker share its rates."""

    def open_session(reach: Reach) -> Session:
        from variance_bridge.network.rate_limits import Rates
        from variance_bridge.network.session import ReadOnlySession

        permitted = reach if context.policy else Reach()
        shared = context.rates.setdefault(permitted, Rates(permitted.rate_limits))
        return ReadOnlySession(
            permitted.hosts,
            permitted.token_paths,
            read_posts=permitted.read_posts,
            clock=context.clock,
            personal=context.personal,
            user_agent=permitted.named(USER_AGENT),
            policy=context.policy,
            rate_limits=shared,
            meanwhile=lambda: _load_what_follows(frozenset(context.answer_modules)),
        )

    return open_session


@cache
def _load_what_follows(answer_modules: frozenset[str]) -> None:
    """Import what a sync needs from the broker's answer on, while the first of them is on its way: it costs no time then."""
    # By its name, because it imports this module. A fault is reported where the module is needed.
    with suppress(Exception):
        import_module("variance_bridge.pipeline.sync_account").prepare()
        # Most brokers' rows are read with these, an account is named with the third, and a sync is remembered with the last.
        for module in (
            "rows.collection",
            "trading_hours",
            "settings.account_hash",
            "settings.last_sync",
        ):
            import_module(f"variance_bridge.{module}")
        for module in sorted(answer_modules):
            import_module(module)


def _built_in_only(context: RunContext) -> Callable[[LoadedPlugin | LoadedListener], None]:
    """Trust what is made with the core, and what the user allowed before."""

    def trust(loaded: LoadedPlugin | LoadedListener) -> None:
        from variance_bridge.plugins.trust import trust_plugin

        trust_plugin(loaded, context.configuration, context.clock, lambda _question: False)

    return trust


def _keep_nothing(_login: Login, name: str, _secret: Secret) -> object:
    raise ConfigurationError("this run has no place for credentials", where=name)


def _of_context(_given: object) -> Any:
    """Stands for the default of a `RunContext` that is made for it."""
    raise NotImplementedError


class RunContext(Struct, frozen=True, kw_only=True):
    """What a run is given. The defaults give it nothing: no credential, no network, no account hash.

    Attributes:
        configuration: read already.
        registry: the installed plugins.
        clock: the time.
        personal: everything personal that this run sees.
        policy: the limits of the network; None: no host may be called.
        find_credential: the value of a declared credential of a log-in, or None.
        store_credential: keeps a credential of a log-in that the broker replaced where the old one came from; raises
            where it cannot.
        hold_credential: keeps other processes from exchanging a credential of a log-in meanwhile, and gives it as it is kept now;
            None where it is kept nowhere.
        credential_expiry: when a credential that a log-in uses stops working, and whose it is; None where that is unknown.
        warned: what the user was warned of that need not be said twice in a run.
        rates: what the sessions of each broker share, so that all of them together keep to its limits.
        answer_modules: modules that the brokers of the run declared as `BrokerSpec.answer_modules`.
        open_session: a read-only session for what a plugin declared.
        hash_account: the account hash for (broker, account number).
        trust: raises unless the user trusts the plugin; nothing of it is used before.
        warn: shows the user a line, on stderr.
        progress: shows how far a broker is; see `BrokerContext.progress`.
    """

    configuration: Configuration
    registry: Registry = field(default_factory=Registry)
    clock: Clock = field(default_factory=SystemClock)
    personal: PersonalValues = field(default_factory=PersonalValues)
    policy: Policy | None = None
    find_credential: Callable[[Login, Credential], Secret | None] = lambda _login, _credential: None
    store_credential: Callable[[Login, str, Secret], object] = _keep_nothing
    hold_credential: Callable[[Login, str], AbstractContextManager[Secret | None]] = (
        lambda _login, _name: nullcontext()
    )
    credential_expiry: Callable[[Login, Credential], tuple[Login, datetime] | None] = (
        lambda _login, _credential: None
    )
    warned: set[str] = field(default_factory=set)
    rates: dict[Reach, Rates] = field(default_factory=dict)
    answer_modules: set[str] = field(default_factory=set)
    open_session: Callable[[Reach], Session] = _of_context
    hash_account: Callable[[str, str], str | None] = lambda _broker, _number: None
    trust: Callable[[LoadedPlugin | LoadedListener], None] = _of_context
    warn: Callable[[str], None] = lambda _message: None
    progress: Callable[[str, Callable[[], int], int], None] = lambda _counted, _done, _of: None

    def __post_init__(self) -> None:
        """Give it what is made of its other members, where that was not given."""
        if self.open_session is _of_context:
            structs.force_setattr(self, "open_session", _sessions(self))
        if self.trust is _of_context:
            structs.force_setattr(self, "trust", _built_in_only(self))


def configured_policy(configuration: Configuration) -> Policy:
    """The session's limits, with the proxy, the netrc file and the certificates that the configuration allows."""
    from variance_bridge.network.limits_and_retries import Policy
    from variance_bridge.network.proxy import network_access

    network = configuration.stated.network
    access = network_access(
        configuration.environment,
        Path(configuration.environment.get("HOME") or "."),
        allow_proxy=network.proxy,
        allow_netrc=network.netrc,
    )
    return Policy(
        access=structs.replace(
            access, ca_file=network.ca_file, system_certificates=network.system_certificates
        )
    )


def installation_hash(folder: Path, keyring: Keyring) -> Callable[[str, str], str]:
    """Account hashes under the key of this installation, which is read or made when the first one is asked for."""

    @cache
    def key() -> bytes:
        from variance_bridge.settings.account_hash import installation_key

        return installation_key(folder, keyring)

    def hash_account(broker: str, number: str) -> str:
        from variance_bridge.settings.account_hash import account_hash

        return account_hash(key(), broker, number)

    return hash_account


def credential_store(
    configuration: Configuration, personal: PersonalValues, keyring: Keyring
) -> CredentialStore:
    """Environment, `.env` of the configuration folder or the working folder, keyring."""
    from variance_bridge.settings.credentials import CredentialStore

    return CredentialStore(
        environment=configuration.environment,
        folders=(configuration.folder, Path()),
        keyring=keyring,
        personal=personal,
    )


def reading_context(warn: Callable[[str], None]) -> RunContext:
    """For reading an export file: no credentials, no network, no account hash, nothing written."""
    environment = dict(os.environ)
    personal = PersonalValues()
    return RunContext(
        configuration=read_configuration(user_folder(environment), None, environment),
        personal=personal,
        warn=lambda message: warn(personal.redact(message)),
    )
