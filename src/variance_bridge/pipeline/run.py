"""One broker in one run: chosen, given its context, asked, and its answer completed with what only the core knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from msgspec import Struct, field, structs

from variance_bridge import __version__
from variance_bridge.broker import (
    Account,
    BrokerContext,
    BrokerSpec,
    Credential,
    MarketSnapshot,
    QuoteSourceSpec,
    RawPortfolio,
)
from variance_bridge.errors import (
    BridgeError,
    ConfigurationError,
    CredentialsMissing,
    PluginError,
)
from variance_bridge.model import Portfolio, Status
from variance_bridge.network.declared_hosts import Reach
from variance_bridge.personal_values import PersonalKind, PersonalValues
from variance_bridge.pipeline.broker_choice import (
    Choice,
    check_input,
    endings,
    folder_of,
    reader_of,
    reader_of_format,
)
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.plugins.guard import guarded
from variance_bridge.plugins.loading import LoadedPlugin, import_place
from variance_bridge.settings.configuration import (
    BrokerSettings,
    ProfileTable,
    broker_settings,
)
from variance_bridge.settings.credential_owner import Login

if TYPE_CHECKING:
    from variance_bridge.personal_values import Secret
    from variance_bridge.pipeline.export_folder import ExportFolder, Warn

GENERATOR = f"variance-bridge {__version__}"


class BrokerRun(Struct, frozen=True, kw_only=True):
    """A broker, ready to be asked.

    Attributes:
        folder: the folder of exports that is read, which stands in the broker's place; None where a file is read, or none.
    """

    context: RunContext
    loaded: LoadedPlugin
    profile: ProfileTable
    settings: BrokerSettings
    broker_context: BrokerContext
    broker: Any
    folder: ExportFolder | None = None
    shown: set[tuple[str, str]] = field(default_factory=set)
    """Account and warning, of those that the user has seen."""

    @property
    def spec(self) -> BrokerSpec:
        """What the plugin declared."""
        return self.loaded.broker

    def accounts(self) -> tuple[Account, ...]:
        """The open accounts; what identifies them is known to be personal from here on."""
        with self._guarded("failed while it listed accounts"):
            accounts = tuple(self.broker.accounts())
        if not all(isinstance(account, Account) for account in accounts):
            raise self._broken("listed something that is not an account")
        from variance_bridge.masking import is_kind_of_account

        for account in accounts:
            self.context.personal.add(account.number, PersonalKind.ACCOUNT_NUMBER)
            if account.nickname and not is_kind_of_account(account.nickname):
                self.context.personal.add(account.nickname, PersonalKind.NAME)
        return accounts

    def shown_name(self, file: Path) -> str:
        """The name of an export as every view has it: without account numbers and nicknames."""
        from variance_bridge.formatting import printable
        from variance_bridge.masking import without_accounts

        personal = self.context.personal
        numbers = [each.spelled for each in personal if each.kind is PersonalKind.ACCOUNT_NUMBER]
        return printable(personal.redact(without_accounts(file.name, numbers)))

    def account_hash(self, account: Account) -> str | None:
        """The pseudonym under which the account is published."""
        return self.context.hash_account(self.spec.name, account.number)

    def portfolio(self, account: Account) -> Portfolio:
        """Fetch and normalize one account, completed with source, hash, generator and status."""
        with self._guarded("failed while it fetched"):
            raw = self.broker.fetch(account)
        if not isinstance(raw, RawPortfolio):
            raise self._broken("fetched something that is not a RawPortfolio")
        with self._guarded("failed while it normalized"):
            portfolio = self.broker.normalize(raw)
        completed = self._completed(portfolio, raw, account)
        self._show_warnings(completed, account)
        return completed

    def _show_warnings(self, portfolio: Portfolio, account: Account) -> None:
        """Each once for an account, which is fetched again to confirm a surprise."""
        for warning in portfolio.warnings:
            if (account.number, warning) not in self.shown:
                self.shown.add((account.number, warning))
                self.context.warn(warning)

    def _completed(self, portfolio: Any, raw: RawPortfolio, account: Account) -> Portfolio:
        if not isinstance(portfolio, Portfolio):
            raise self._broken("normalized to something that is not a Portfolio")
        if portfolio.meta.counts is None:
            raise self._broken("did not count its rows")
        if portfolio.meta.fetched_at != raw.fetched_at:
            raise self._broken("changed the time of the fetch while it normalized")
        meta = structs.replace(
            portfolio.meta,
            source=self.spec.name,
            account_hash=self.account_hash(account),
            environment=portfolio.meta.environment or raw.environment,
            generator=GENERATOR,
            status=Status.PARTIAL if portfolio.meta.rejected else Status.COMPLETE,
        )
        return attrs.evolve(portfolio, meta=meta)

    def _guarded(self, doing: str) -> AbstractContextManager[None]:
        return _guarded(self.context, self.loaded, doing)

    def _broken(self, what: str) -> PluginError:
        return PluginError(f"{self.loaded.plugin} {what}", hint="report it to the plugin's authors")


def open_broker(context: RunContext, choice: Choice, *, allow_empty: bool = False) -> BrokerRun:
    """The chosen broker with its settings, credentials and session; nothing has been asked of it yet.

    Args:
        context: of the run.
        choice: of the user.
        allow_empty: whether exports of a folder are believed that have no positions.

    Raises:
        ConfigurationError: no broker is chosen, a setting is wrong, a credential is missing.
        PluginError: the plugin is unknown, broken or in conflict.
        UsageError: an input file for a broker that reads none, or none for one that does.
    """
    configuration = context.configuration
    profile_name = configuration.top("profile", choice.profile).value
    profile = configuration.profile(profile_name)
    name = choice.broker or profile.broker or configuration.top("broker").value
    if choice.broker is None and choice.input_file is not None:
        name = reader_of(context, choice.input_file, name)
    if not name:
        raise ConfigurationError(
            "no broker is chosen",
            hint="use `--broker NAME` (`variance brokers` lists them), or choose one for good: `variance init`",
        )
    name, overrides = reader_of_format(context, name, choice)
    loaded = context.registry.load(name)
    context.trust(loaded)
    check_input(loaded.broker, choice.input_file)
    context.answer_modules.update(loaded.broker.answer_modules)
    settings = settings_of(context, loaded, profile, overrides)
    login = configuration.login(loaded.broker.name, profile_name)
    reach = Reach.of(loaded.broker, *loaded.quotes)
    broker_context = _broker_context(
        context, loaded.broker, settings, reach, login, choice.input_file
    )
    broker_class = import_place(loaded.plugin, loaded.broker.broker)
    folder = None
    if (path := folder_of(loaded.broker, choice.input_file, settings.instance)) is not None:
        broker = folder = _export_folder(
            context,
            path,
            lambda file, warn: broker_class(
                structs.replace(broker_context, input_file=file, warn=warn, shared={})
            ),
            is_configured=choice.input_file is None,
            allow_empty=allow_empty,
        )
    else:
        with _guarded(context, loaded, "cannot be started"):
            broker = broker_class(broker_context)
    return BrokerRun(
        context=context,
        loaded=loaded,
        profile=profile,
        settings=settings,
        broker_context=broker_context,
        broker=broker,
        folder=folder,
    )


def _export_folder(
    context: RunContext,
    path: Path,
    open_file: Callable[[Path, Warn], Any],
    *,
    is_configured: bool,
    allow_empty: bool,
) -> ExportFolder:
    from variance_bridge.pipeline.export_folder import ExportFolder

    return ExportFolder(
        path,
        open_file,
        endings=endings(context),
        is_configured=is_configured,
        allow_empty=allow_empty,
        warn=context.warn,
        redact=partial(redact_error, personal=context.personal),
    )


def _broker_context(
    context: RunContext,
    spec: BrokerSpec | QuoteSourceSpec,
    settings: BrokerSettings,
    reach: Reach,
    login: Login,
    input_file: Path | None = None,
) -> BrokerContext:
    """What a broker or a quote source of its own is given."""
    return BrokerContext(
        settings=settings.instance,
        credentials=_credentials(context, spec, settings.instance, login),
        session=context.open_session(reach),
        clock=context.clock,
        personal=context.personal,
        input_file=input_file,
        folder=context.configuration.folder / spec.name,
        warn=context.warn,
        progress=context.progress,
        store_credential=partial(_store_credential, context, spec, login),
        hold_credential=partial(context.hold_credential, login),
    )


@contextmanager
def _guarded(context: RunContext, loaded: LoadedPlugin, doing: str) -> Iterator[None]:
    """A plugin's code runs inside. An error of ours that it raises may quote what it should not: that is redacted."""
    try:
        with guarded(str(loaded.plugin), doing):
            yield
    except BridgeError as error:
        redact_error(error, context.personal)
        raise


def redact_error(error: BridgeError, personal: PersonalValues) -> None:
    """Take what is personal out of all that an error says."""
    error.what = personal.redact(error.what)
    error.where = personal.redact(error.where) if error.where else None
    error.hint = personal.redact(error.hint) if error.hint else None
    error.args = (error.what,)


def settings_of(
    context: RunContext,
    loaded: LoadedPlugin,
    profile: ProfileTable,
    overrides: Mapping[str, str],
) -> BrokerSettings:
    """The settings that a run gives to a broker.

    Raises:
        ConfigurationError: one of them is unknown, wrong, or missing.
    """
    place = loaded.broker.settings
    return broker_settings(
        import_place(loaded.plugin, place) if place else None,
        configuration=context.configuration,
        broker=loaded.broker.name,
        profile=profile,
        overrides=overrides,
    )


def _credentials(
    context: RunContext, spec: BrokerSpec | QuoteSourceSpec, settings: object, login: Login
) -> Mapping[str, Secret]:
    """The declared credentials that are there, and that the broker has a use for with these settings.

    The user is warned of those that stop working soon.

    Raises:
        CredentialsMissing: a required one is not.
    """
    found: dict[str, Secret] = {}
    for credential in spec.credentials:
        if not credential.applies(settings):
            continue
        secret = context.find_credential(login, credential)
        if secret is None:
            continue
        context.personal.add(secret)
        found[credential.name] = secret
        _warn_before_expiry(context, login, credential)
    missing = [c for c in spec.credentials if c.is_required(settings) and c.name not in found]
    if missing:
        raise missing_credentials(spec, missing, login)
    return found


def _warn_before_expiry(context: RunContext, login: Login, credential: Credential) -> None:
    known = context.credential_expiry(login, credential)
    if known is None:
        return
    from variance_bridge.settings.credential_expiry import expiry_words, is_near, renewal

    (owner, expires_at), now = known, context.clock.now()
    name = f"{owner.keyring_group} {credential.name}"
    if is_near(expires_at, now, credential) and name not in context.warned:
        context.warned.add(name)
        words = expiry_words(expires_at, now)
        context.warn(f"{credential.name} ({credential.title}) {words}: {renewal(owner)}")


def _store_credential(
    context: RunContext,
    spec: BrokerSpec | QuoteSourceSpec,
    login: Login,
    name: str,
    secret: Secret,
) -> None:
    """Keep what the broker put in the place of a credential, before it is used.

    Raises:
        ConfigurationError: it cannot be kept: the run ends, because the old one may be good for nothing from now on.
    """
    from variance_bridge.settings.credential_expiry import renewal

    context.personal.add(secret, PersonalKind.CREDENTIAL)
    try:
        context.store_credential(login, name, secret)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"{spec.title} replaced {name}, and the new one cannot be kept: {error.what}",
            where=error.where,
            hint=f"make that place writable, then {renewal(login)}",
        ) from None


def missing_credentials(
    spec: BrokerSpec | QuoteSourceSpec, missing: Sequence[Credential], login: Login
) -> CredentialsMissing:
    """The error that names what is missing, where to get it, and how to do without."""
    *first, last = (f"{credential.name} ({credential.title})" for credential in missing)
    names = f"{', '.join(first)} and {last}" if first else last
    if isinstance(spec, QuoteSourceSpec):
        return CredentialsMissing(
            f"the quotes of {spec.title} need {names}", hint="or use `--quotes none`"
        )
    where = f" {spec.create_credentials}" if spec.create_credentials else ""
    obtain = f"get it with `variance auth login {login.flags}`, or " if spec.login else ""
    return CredentialsMissing(
        f"{spec.title} needs {names}",
        hint=f"{obtain}set it with `variance auth set {login.flags}`, or in the environment or .env."
        f"{where} Without the API: `variance sync FILE` reads an export, `variance demo` shows an invented account",
    )


def fetch_quotes(run: BrokerRun, name: str, portfolio: Portfolio) -> MarketSnapshot:
    """What the quote source of that name knows of the portfolio's instruments.

    Raises:
        UnknownPlugin: there is no such source.
        CredentialsMissing: it needs a credential of its own that is not there.
    """
    loaded, spec = run.context.registry.quote_source(name)
    broker_context = run.broker_context
    if loaded.plugin.distribution != run.loaded.plugin.distribution:
        run.context.trust(loaded)
        broker_context = _own_context(run.context, loaded, spec)
    source_class = import_place(loaded.plugin, spec.source)
    with _guarded(run.context, loaded, "failed while it fetched quotes"):
        snapshot = source_class(broker_context).fetch(portfolio)
    if not isinstance(snapshot, MarketSnapshot):
        raise PluginError(f"{loaded.plugin} fetched something that is not a MarketSnapshot")
    return snapshot


def _own_context(context: RunContext, loaded: LoadedPlugin, spec: QuoteSourceSpec) -> BrokerContext:
    """For a quote source of another distribution than the broker's: with its own settings, credentials and session."""
    settings_class = import_place(loaded.plugin, spec.settings) if spec.settings else None
    settings = broker_settings(
        settings_class,
        configuration=context.configuration,
        broker=spec.name,
        profile=ProfileTable(),
        overrides={},
    )
    return _broker_context(context, spec, settings, Reach.of(spec), Login(spec.name))
