"""One broker in one run: chosen, given its context, asked, and its answer completed with what only the core knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from variance_bridge import __version__
from variance_bridge.broker import (
    Account,
    BrokerContext,
    BrokerSpec,
    Capability,
    Clock,
    Credential,
    MarketSnapshot,
    QuoteSourceSpec,
    RawPortfolio,
    Session,
)
from variance_bridge.errors import (
    BridgeError,
    ConfigurationError,
    CredentialsMissing,
    PluginError,
    UsageError,
)
from variance_bridge.model import Portfolio, Status
from variance_bridge.plugins.entry_points import guarded
from variance_bridge.plugins.registry import LoadedPlugin, Registry, import_place
from variance_bridge.privacy import PersonalKind, PersonalValues
from variance_bridge.settings.configuration import (
    BrokerSettings,
    Configuration,
    ProfileTable,
    broker_settings,
)

if TYPE_CHECKING:
    from variance_bridge.privacy import Secret

GENERATOR = f"variance-bridge {__version__}"


@attrs.frozen(kw_only=True)
class Machine:
    """What a run needs from the world, passed in.

    Attributes:
        find_credential: the value of a broker's declared credential, or None.
        store_credential: keeps a broker's rotated credential where the old one came from.
        open_session: a read-only session for these hosts and token paths.
        hash_account: the account hash for (broker, account number).
        personal: everything personal that this run sees.
        trust: raises unless the user trusts the plugin; nothing of it is used before.
        warn: tells the user something, on stderr.
    """

    registry: Registry
    configuration: Configuration
    clock: Clock
    personal: PersonalValues
    find_credential: Callable[[str, Credential], Secret | None]
    store_credential: Callable[[str, str, Secret], bool]
    open_session: Callable[[Sequence[str], Sequence[str]], Session]
    hash_account: Callable[[str, str], str | None]
    trust: Callable[[LoadedPlugin], None]
    warn: Callable[[str], None] = attrs.field(default=lambda _message: None)


@attrs.frozen(kw_only=True)
class Choice:
    """What the user asked for on the command line.

    Attributes:
        broker: its name in the registry; None leaves it to the configuration.
        profile: a profile of the configuration.
        account: a number, hash or nickname.
        input_file: for brokers that read files.
        overrides: settings for this run.
    """

    broker: str | None = None
    profile: str | None = None
    account: str | None = None
    input_file: Path | None = None
    overrides: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class BrokerRun:
    """A broker, ready to be asked."""

    machine: Machine
    loaded: LoadedPlugin
    profile: ProfileTable
    settings: BrokerSettings
    context: BrokerContext
    broker: Any
    _shown: set[tuple[str, str]] = attrs.field(factory=set, init=False)

    @property
    def spec(self) -> BrokerSpec:
        """What the plugin declared."""
        return self.loaded.broker

    def accounts(self) -> tuple[Account, ...]:
        """The open accounts; what identifies them is known to be personal from here on."""
        with self._guarded("failed while it listed accounts"):
            accounts = tuple(self.broker.accounts())
        if not all(isinstance(account, Account) for account in accounts):
            raise self._broken("listed something that is no account")
        for account in accounts:
            self.machine.personal.add(account.number, PersonalKind.ACCOUNT_NUMBER)
            self.machine.personal.add(account.nickname or "", PersonalKind.NAME)
        return accounts

    def account_hash(self, account: Account) -> str | None:
        """The pseudonym under which the account is published."""
        return self.machine.hash_account(self.spec.name, account.number)

    def portfolio(self, account: Account) -> Portfolio:
        """Fetch and normalize one account, completed with source, hash, generator and status."""
        with self._guarded("failed while it fetched"):
            raw = self.broker.fetch(account)
        if not isinstance(raw, RawPortfolio):
            raise self._broken("fetched something that is no RawPortfolio")
        with self._guarded("failed while it normalized"):
            portfolio = self.broker.normalize(raw)
        completed = self._completed(portfolio, raw, account)
        self._show_warnings(completed, account)
        return completed

    def _show_warnings(self, portfolio: Portfolio, account: Account) -> None:
        """Each once for an account, which is fetched again to confirm a surprise."""
        for warning in portfolio.warnings:
            if (account.number, warning) not in self._shown:
                self._shown.add((account.number, warning))
                self.machine.warn(warning)

    def _completed(self, portfolio: Any, raw: RawPortfolio, account: Account) -> Portfolio:
        if not isinstance(portfolio, Portfolio):
            raise self._broken("normalized to something that is no Portfolio")
        if portfolio.meta.counts is None:
            raise self._broken("did not count its rows")
        if portfolio.meta.fetched_at != raw.fetched_at:
            raise self._broken("changed the time of the fetch while it normalized")
        meta = attrs.evolve(
            portfolio.meta,
            source=self.spec.name,
            account_hash=self.account_hash(account),
            environment=portfolio.meta.environment or raw.environment,
            generator=GENERATOR,
            status=Status.PARTIAL if portfolio.meta.rejected else Status.COMPLETE,
        )
        return attrs.evolve(portfolio, meta=meta)

    def _guarded(self, doing: str) -> AbstractContextManager[None]:
        return _guarded(self.machine, self.loaded, doing)

    def _broken(self, what: str) -> PluginError:
        return PluginError(f"{self.loaded.plugin} {what}", hint="report it to the plugin's authors")


def open_broker(machine: Machine, choice: Choice) -> BrokerRun:
    """The chosen broker with its settings, credentials and session; nothing has been asked of it yet.

    Raises:
        ConfigurationError: no broker is chosen, a setting is wrong, a credential is missing.
        PluginError: the plugin is unknown, broken or in conflict.
        UsageError: an input file for a broker that reads none, or none for one that does.
    """
    configuration = machine.configuration
    profile = configuration.profile(configuration.top("profile", choice.profile).value)
    name = choice.broker or profile.broker or configuration.top("broker").value
    if not name:
        raise ConfigurationError(
            "no broker is chosen",
            hint='say `--broker NAME`, or `broker = "NAME"` in variance.toml; `variance brokers` lists them',
        )
    loaded = machine.registry.load(name)
    machine.trust(loaded)
    spec = loaded.broker
    _check_input(spec, choice.input_file)
    settings = _settings(machine, loaded, profile, choice.overrides)
    context = BrokerContext(
        settings=settings.instance,
        credentials=_credentials(machine, spec, settings.instance),
        session=machine.open_session(*_reach(loaded)),
        clock=machine.clock,
        personal=machine.personal,
        input_file=choice.input_file,
        folder=configuration.folder / spec.name,
        warn=machine.warn,
        store_credential=partial(machine.store_credential, spec.name),
    )
    broker_class = import_place(loaded.plugin, spec.broker)
    with _guarded(machine, loaded, "cannot be started"):
        broker = broker_class(context)
    return BrokerRun(
        machine=machine,
        loaded=loaded,
        profile=profile,
        settings=settings,
        context=context,
        broker=broker,
    )


@contextmanager
def _guarded(machine: Machine, loaded: LoadedPlugin, doing: str) -> Iterator[None]:
    """A plugin's code runs inside. An error of ours that it raises may quote what it should not: that is redacted."""
    try:
        with guarded(str(loaded.plugin), doing):
            yield
    except BridgeError as error:
        redact = machine.personal.redact
        error.what = redact(error.what)
        error.where = redact(error.where) if error.where else None
        error.hint = redact(error.hint) if error.hint else None
        error.args = (error.what,)
        raise


def _check_input(spec: BrokerSpec, input_file: Path | None) -> None:
    reads_files = Capability.READS_FILES in spec.capabilities
    if input_file is not None and not reads_files:
        raise UsageError(f"the broker `{spec.name}` reads no files", hint="leave `--input` away")


def _settings(
    machine: Machine,
    loaded: LoadedPlugin,
    profile: ProfileTable,
    overrides: Mapping[str, str],
) -> BrokerSettings:
    place = loaded.broker.settings
    return broker_settings(
        import_place(loaded.plugin, place) if place else None,
        configuration=machine.configuration,
        broker=loaded.broker.name,
        profile=profile,
        overrides=overrides,
    )


def _credentials(
    machine: Machine, spec: BrokerSpec | QuoteSourceSpec, settings: object
) -> Mapping[str, Secret]:
    """The declared credentials that are there.

    Raises:
        CredentialsMissing: a required one is not.
    """
    found: dict[str, Secret] = {}
    for credential in spec.credentials:
        secret = machine.find_credential(spec.name, credential)
        if secret is not None:
            machine.personal.add(secret)
            found[credential.name] = secret
    missing = [c for c in spec.credentials if c.is_required(settings) and c.name not in found]
    if missing:
        raise missing_credentials(spec, missing)
    return found


def missing_credentials(
    spec: BrokerSpec | QuoteSourceSpec, missing: Sequence[Credential]
) -> CredentialsMissing:
    """The error that names what is missing, where to get it, and how to do without."""
    names = " and ".join(f"{credential.name} ({credential.title})" for credential in missing)
    if isinstance(spec, QuoteSourceSpec):
        return CredentialsMissing(
            f"the quotes of {spec.title} need {names}", hint="or use `--quotes none`"
        )
    where = f" {spec.create_credentials}" if spec.create_credentials else ""
    return CredentialsMissing(
        f"{spec.title} needs {names}",
        hint=f"set it with `variance auth set --broker {spec.name}`, or in the environment or .env."
        f"{where} To look around without an account: `variance demo`",
    )


def _reach(loaded: LoadedPlugin) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hosts and token paths of the broker and the quote sources of its plugin, which share one session."""
    records: tuple[BrokerSpec | QuoteSourceSpec, ...] = (loaded.broker, *loaded.quotes)
    hosts = tuple(dict.fromkeys(host for record in records for host in record.hosts))
    paths = tuple(dict.fromkeys(path for record in records for path in record.token_paths))
    return hosts, paths


def fetch_quotes(run: BrokerRun, name: str, portfolio: Portfolio) -> MarketSnapshot:
    """What the quote source of that name knows of the portfolio's instruments.

    Raises:
        UnknownPlugin: there is no such source.
        CredentialsMissing: it needs a credential of its own that is not there.
    """
    loaded, spec = run.machine.registry.quote_source(name)
    context = run.context
    if loaded.plugin.distribution != run.loaded.plugin.distribution:
        run.machine.trust(loaded)
        context = _own_context(run, loaded, spec)
    source_class = import_place(loaded.plugin, spec.source)
    with _guarded(run.machine, loaded, "failed while it fetched quotes"):
        snapshot = source_class(context).fetch(portfolio)
    if not isinstance(snapshot, MarketSnapshot):
        raise PluginError(f"{loaded.plugin} fetched something that is no MarketSnapshot")
    return snapshot


def _own_context(run: BrokerRun, loaded: LoadedPlugin, spec: QuoteSourceSpec) -> BrokerContext:
    machine = run.machine
    settings_class = import_place(loaded.plugin, spec.settings) if spec.settings else None
    settings = broker_settings(
        settings_class,
        configuration=machine.configuration,
        broker=spec.name,
        profile=ProfileTable(),
        overrides={},
    )
    return attrs.evolve(
        run.context,
        settings=settings.instance,
        credentials=_credentials(machine, spec, settings.instance),
        session=machine.open_session(spec.hosts, spec.token_paths),
        store_credential=partial(machine.store_credential, spec.name),
        folder=machine.configuration.folder / spec.name,
        shared={},
        input_file=None,
    )
