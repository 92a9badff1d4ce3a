"""Puts a run together from this machine: configuration, credentials, keyring, network. The only place that does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from variance_bridge import __version__
from variance_bridge.broker import BrokerSpec, Clock, Credential, QuoteSourceSpec, Session
from variance_bridge.clock import SystemClock
from variance_bridge.network.session import Policy, ReadOnlySession, detours
from variance_bridge.pipeline.run import Machine
from variance_bridge.plugins.consent import (
    Asking,
    Decision,
    decide,
    question,
    read_consents,
    record_consent,
    refusal,
)
from variance_bridge.plugins.entry_points import known_brokers
from variance_bridge.plugins.registry import LoadedPlugin, Registry
from variance_bridge.privacy import PersonalValues, Secret
from variance_bridge.settings.account_hash import account_hash, installation_key
from variance_bridge.settings.configuration import Configuration, read_configuration
from variance_bridge.settings.credentials import CredentialStore
from variance_bridge.settings.keyring import Keyring

Confirm = Callable[[str], bool]

USER_AGENT = f"variance-bridge/{__version__}"


def user_folder(environment: Mapping[str, str]) -> Path:
    """The user's configuration folder; need not exist."""
    if named := environment.get("VARIANCE_CONFIG_DIR"):
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_config_dir("variance-bridge", appauthor=False))


def credential_store(
    configuration: Configuration, personal: PersonalValues, keyring: Keyring
) -> CredentialStore:
    """Environment, `.env` of the configuration folder or the working folder, keyring."""
    return CredentialStore(
        environment=configuration.environment,
        folders=(configuration.folder, Path()),
        keyring=keyring,
        personal=personal,
    )


def this_machine(
    configuration: Configuration,
    *,
    personal: PersonalValues,
    registry: Registry,
    clock: Clock,
    credentials: CredentialStore,
    keyring: Keyring,
    confirm: Confirm,
    warn: Callable[[str], None],
    policy: Policy | None = None,
) -> Machine:
    """A run on this machine.

    Args:
        configuration: read already.
        personal: collects everything personal that the run sees.
        registry: the installed plugins.
        clock: the time.
        credentials: where they are looked for.
        keyring: the system's; one object for the run, because it remembers that it failed.
        confirm: asks the user whether a third party's plugin may be used.
        warn: tells the user something.
        policy: limits of the session; those of `Policy` with the configured detours by default.
    """

    def find_credential(broker: str, credential: Credential) -> Secret | None:
        found = credentials.find(broker, credential)
        return found.secret if found else None

    def open_session(hosts: Sequence[str], token_paths: Sequence[str]) -> Session:
        return ReadOnlySession(
            hosts,
            token_paths,
            clock=clock,
            personal=personal,
            user_agent=USER_AGENT,
            policy=policy or configured_policy(configuration),
        )

    @cache
    def key() -> bytes:
        return installation_key(configuration.folder, keyring).value

    def hash_account(broker: str, number: str) -> str:
        return account_hash(key(), broker, number)

    return Machine(
        registry=registry,
        configuration=configuration,
        clock=clock,
        personal=personal,
        find_credential=find_credential,
        store_credential=credentials.replace,
        open_session=open_session,
        hash_account=hash_account,
        trust=lambda loaded: trust_plugin(loaded, configuration, clock, confirm),
        warn=warn,
    )


def trust_plugin(
    loaded: LoadedPlugin, configuration: Configuration, clock: Clock, confirm: Confirm
) -> None:
    """Nothing, when the plugin is ours, allowed by the configuration, or the user says yes now or said so before.

    Raises:
        ConfigurationError: the user says no, or nobody is there to ask.
    """
    asking = _asking(loaded)
    verdict = decide(
        asking,
        built_in=[
            about["distribution"] for about in known_brokers().values() if about.get("built_in")
        ],
        allow=configuration.stated.plugins.allow,
        given=read_consents(configuration.folder),
    )
    if verdict.decision is not Decision.ASK:
        return
    if not confirm(question(asking, verdict)):
        raise refusal(asking)
    record_consent(configuration.folder, asking, clock.now())


def _asking(loaded: LoadedPlugin) -> Asking:
    records: tuple[BrokerSpec | QuoteSourceSpec, ...] = (loaded.broker, *loaded.quotes)
    return Asking(
        name=loaded.plugin.name,
        distribution=loaded.plugin.distribution,
        version=loaded.plugin.version,
        hosts=[host for record in records for host in record.hosts],
        credentials=[one.name for record in records for one in record.credentials],
    )


def configured_policy(configuration: Configuration) -> Policy:
    """The session's limits, with the detours that the configuration allows."""
    return Policy(
        detours=detours(
            configuration.environment,
            Path(configuration.environment.get("HOME") or "."),
            allow_proxy=configuration.stated.network.proxy,
            allow_netrc=configuration.stated.network.netrc,
        )
    )


def machine_for_reading(warn: Callable[[str], None]) -> Machine:
    """A run that reads an export file: no credentials, no network, no account hash, nothing written."""
    environment = dict(os.environ)
    configuration = read_configuration(user_folder(environment), None, environment)
    personal, clock = PersonalValues(), SystemClock()

    def no_session(_hosts: Sequence[str], _token_paths: Sequence[str]) -> Session:
        return ReadOnlySession((), (), clock=clock, personal=personal, user_agent=USER_AGENT)

    return Machine(
        registry=Registry(),
        configuration=configuration,
        clock=clock,
        personal=personal,
        find_credential=lambda _broker, _credential: None,
        store_credential=lambda _broker, _name, _secret: False,
        open_session=no_session,
        hash_account=lambda _broker, _number: None,
        trust=lambda loaded: trust_plugin(loaded, configuration, clock, lambda _question: False),
        warn=lambda message: warn(personal.redact(message)),
    )
