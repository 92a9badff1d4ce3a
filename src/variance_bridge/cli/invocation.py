"""What every command of one invocation shares: options before the command, folders, clock, environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from variance_bridge.clock import SystemClock
    from variance_bridge.model import Portfolio
    from variance_bridge.money import Sum
    from variance_bridge.personal_values import PersonalValues
    from variance_bridge.pipeline.run_context import RunContext
    from variance_bridge.plugins.loading import LoadedListener, LoadedPlugin, Registry
    from variance_bridge.plugins.registry import Plugin
    from variance_bridge.reading.book import Book
    from variance_bridge.reading.currency_conversion import Converted, ExchangeRates
    from variance_bridge.reading.freshness import AgeLimits
    from variance_bridge.settings.configuration import Configuration
    from variance_bridge.settings.credentials import CredentialStore
    from variance_bridge.settings.keyring import Keyring


class Invocation:
    """One call of the command. Everything is read on first use, so that `--help` reads nothing.

    Attributes:
        config: what `--config` named.
        verbosity: how often `-v` was given.
        asks: whether the user may be asked; not while a shell completes.
        subject: the account of several that is being synced, by hash; warnings begin with it.
        speak: writes a line to stderr; a progress bar takes it over while it is drawn.
        gauge: shows how far a broker is; a progress bar takes it over too.
        warned: the warnings so far, so that nothing is said twice.
    """

    def __init__(self) -> None:
        self.config: str | None = None
        self.verbosity = 0
        self.asks = True
        self.subject = ""
        self.speak: Callable[[str], None] = _to_stderr
        self.gauge: Callable[[str, Callable[[], int], int], None] = lambda _what, _done, _of: None
        self.warned: list[str] = []
        self._heard: list[str] | None = None
        self._unsaid: Collection[str] = ()
        self._removed: Mapping[str, str] = {}
        self._undo: list[Callable[[], None]] = []

    @cached_property
    def clock(self) -> SystemClock:
        """The machine's clock."""
        from variance_bridge.clock import SystemClock

        return SystemClock()

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """The process's environment variables, as they were when the command began."""
        return dict(os.environ)

    def isolate(self) -> None:
        """Take everybody's secrets out of the process's environment, before a plugin is imported."""
        from variance_bridge.plugins.environment_secrets import isolate_environment

        _ = self.environment
        before = dict(os.environ)
        self._removed = {
            **self._removed,
            **{name: before[name] for name in isolate_environment(os.environ)},
        }

    def restore(self) -> None:
        """Undo what was done to the process, for programs that run a command within their own."""
        os.environ.update(self._removed)
        self._removed = {}
        while self._undo:
            self._undo.pop()()

    @cached_property
    def folder(self) -> Path:
        """The user's configuration folder; need not exist."""
        from variance_bridge.settings.configuration import user_folder

        return user_folder(self.environment)

    @cached_property
    def configuration(self) -> Configuration:
        """The configuration file, read and checked."""
        from pathlib import Path

        from variance_bridge.settings.configuration import read_configuration

        explicit = Path(self.config) if self.config else None
        return read_configuration(self.folder, explicit, self.environment)

    @cached_property
    def registry(self) -> Registry:
        """The installed plugins."""
        from variance_bridge.plugins.loading import Registry

        self.isolate()
        return Registry()

    @cached_property
    def personal(self) -> PersonalValues:
        """Everything personal that this invocation has seen; logs and reports of bugs are redacted from here on."""
        from variance_bridge.cli.logs import guarded_logs
        from variance_bridge.personal_values import PersonalValues

        values = PersonalValues()
        self._undo.append(guarded_logs(values, self.verbosity))
        return values

    def redact(self, text: str) -> str:
        """The text without what this invocation has seen to be personal; as it is, where it has looked at nothing."""
        seen: PersonalValues | None = self.__dict__.get("personal")
        return text if seen is None else seen.redact(text)

    @cached_property
    def keyring(self) -> Keyring:
        """The system's keyring; not asked before it is needed."""
        from variance_bridge.settings.keyring import Keyring

        return Keyring()

    @cached_property
    def credentials(self) -> CredentialStore:
        """Environment, `.env` and keyring."""
        from variance_bridge.pipeline.run_context import credential_store

        return credential_store(self.configuration, self.personal, self.keyring)

    def run_context(self, *, trust: bool = False) -> RunContext:
        """What a run of this invocation is given.

        Args:
            trust: whether `--yes` was given: a third party's plugin is trusted without a question.
        """
        from variance_bridge.pipeline.run_context import (
            RunContext,
            configured_policy,
            installation_hash,
        )

        configuration = self.configuration
        return RunContext(
            configuration=configuration,
            registry=self.registry,
            clock=self.clock,
            personal=self.personal,
            policy=configured_policy(configuration),
            # Not the methods themselves: a broker without credentials needs no store of them.
            find_credential=lambda *asked: self.credentials.secret(*asked),  # noqa: PLW0108
            store_credential=lambda *asked: self.credentials.replace(*asked),  # noqa: PLW0108
            hold_credential=lambda *asked: self.credentials.hold(*asked),  # noqa: PLW0108
            credential_expiry=lambda *asked: self.credentials.expiry(*asked),  # noqa: PLW0108
            hash_account=installation_hash(configuration.folder, self.keyring),
            trust=lambda loaded: self._trust(loaded, yes=trust),
            warn=self.warn,
            progress=self._progress,
        )

    def _trust(self, loaded: LoadedPlugin | LoadedListener, *, yes: bool) -> None:
        """Ask before a third party's plugin is used, unless the user allowed it or says `yes` to all."""
        from variance_bridge.plugins.registry import is_built_in

        if is_built_in(loaded.plugin):
            return
        from variance_bridge.plugins.trust import trust_plugin

        confirm = (lambda _question: True) if yes else self.confirm
        trust_plugin(loaded, self.configuration, self.clock, confirm)

    def trust_command(self, plugin: Plugin) -> None:
        """Ask before a third party's command is imported, unless the user allowed it."""
        from variance_bridge.plugins.trust import trust_unread

        trust_unread(plugin, self.configuration, self.clock, self.confirm, is_command=True)

    def trust_export(self, plugin: Plugin) -> None:
        """Ask before a third party's export format is imported, unless the user allowed it."""
        from variance_bridge.plugins.trust import trust_unread

        trust_unread(plugin, self.configuration, self.clock, self.confirm, is_export=True)

    def confirm(self, question: str) -> bool:
        """Ask on the terminal; without a terminal the answer is no."""
        import click

        from variance_bridge.formatting import printable

        if not self.asks or not sys.stdin.isatty():
            return False
        click.echo(printable(question), err=True)
        return click.confirm("Use it?", err=True)

    @property
    def age_limits(self) -> AgeLimits:
        """How old positions may be: the configuration's `[freshness]`."""
        from variance_bridge.reading.freshness import configured_limits

        return configured_limits(self.configuration)

    @property
    def listeners(self) -> tuple[str, ...]:
        """The listeners that the configuration names."""
        return tuple(self.configuration.listeners)

    def enable_listener(self, name: str) -> Path:
        """Name a listener in variance.toml. See `variance_bridge.commands`."""
        from variance_bridge.settings.configuration import configuration_file
        from variance_bridge.settings.listener_choice import enable_listener

        file = configuration_file(self.folder, self.config, self.environment)
        enable_listener(file, name)
        self.__dict__.pop("configuration", None)  # read again, with what was written
        return file.absolute()

    def disable_listener(self, name: str) -> Path:
        """Name a listener in variance.toml no longer. See `variance_bridge.commands`."""
        from variance_bridge.settings.configuration import configuration_file
        from variance_bridge.settings.listener_choice import disable_listener

        file = configuration_file(self.folder, self.config, self.environment)
        disable_listener(file, name)
        self.__dict__.pop("configuration", None)
        return file.absolute()

    @property
    def output_folder(self) -> Path:
        """Where positions files are written and looked for."""
        folder: Path = self.configuration.positions_folder().value
        return folder

    def book(
        self,
        files: Sequence[Path] = (),
        *,
        account: str | None = None,
        any_age: bool = False,
        may_be_unread: bool = False,
        check: Callable[[Book], None] = lambda _book: None,
    ) -> Book:
        """The files as one book; without any, the positions files of all accounts. See `variance_bridge.commands`.

        `check` raises what makes the book's warnings pointless.
        """
        from variance_bridge.cli.default_book import live_files, with_unsynced
        from variance_bridge.reading.book import load_all

        self.isolate()  # an export is read by the plugin of its ending
        listed = files or live_files(self.configuration) or [self.newest_live()]
        book = load_all(listed, self.clock.now(), any_age=any_age, limits=self.age_limits)
        if not files:
            book = with_unsynced(book, self.configuration)
        if account is not None:
            held = [each.account_hash for each in book.sources]
            book = book.of_account(self.account_called(account, held))
        if len(book.sources) == 1 and (error := book.sources[0].error) and not may_be_unread:
            raise error
        check(book)
        self._warn_of(book)
        return book

    def account_labels(self, hashes: Iterable[str | None]) -> Mapping[str, str]:
        """What the user calls these accounts, by hash. See `variance_bridge.commands`."""
        return self.configuration.account_labels.among(hashes)

    def account_called(self, text: str, hashes: Iterable[str | None]) -> str:
        """The hash of the account that the user calls so, else the text. See `variance_bridge.commands`."""
        held = [each for each in hashes if each]
        labels = self.configuration.account_labels
        called = labels.called(text, held)
        if any(each.startswith(called.removesuffix("***")) for each in held):
            return called
        # Labels are for the user's own screen: in a log or a pipe the hashes stand, which the caller lists.
        if _is_read_by_its_user() and (hint := labels.suggestion(text, held)):
            from variance_bridge.errors import DataRefused
            from variance_bridge.masking import as_typed

            raise DataRefused(f"no account is called {as_typed(text)}", hint=hint)
        return called

    def in_currency(
        self,
        amounts: Mapping[str | None, Mapping[str, Sum]],
        target: str,
        on: date | None = None,
        *,
        portfolios: Iterable[Portfolio] = (),
    ) -> Converted:
        """Sums by currency, brought to one with the rates that are known. See `variance_bridge.commands`."""
        from variance_bridge.reading.broker_rates import disagreements, stated_rates
        from variance_bridge.reading.currency_conversion import convert

        day = on or self.clock.now().date()
        code = target.strip().upper()
        if not (len(code) == 3 and code.isascii() and code.isalpha()):
            from variance_bridge.errors import UsageError

            raise UsageError("`--currency` takes a code of three letters, such as EUR")
        stated = stated_rates(portfolios, code)
        converted = convert(amounts, code, self._rates, day, stated)
        if self._rates is None and converted.missing:
            if not converted.rates:
                from variance_bridge.reading.rates_file import no_rates

                raise no_rates()
            self.warn(f"{converted.stated}: run `variance fx update`")
        used = {rate.currency for rate in converted.rates}
        for sentence in disagreements([rate for rate in stated if rate.currency in used]):
            self.warn(sentence)
        for rate in converted.rates:
            if rate.is_old(day):
                renew = "" if rate in stated else ": run `variance fx update`"
                self.warn(f"the rate for {rate.currency} is from {rate.day}{renew}")
        return converted

    @cached_property
    def _rates(self) -> ExchangeRates | None:
        from variance_bridge.reading.rates_file import kept_rates

        return kept_rates(self.configuration.folder)

    def _warn_of(self, book: Book) -> None:
        several = len(book.sources) > 1
        for warning in book.warnings:
            self.warn(warning)
        for source in book.sources:
            if source.snapshot is None or not source.counts:
                continue
            for warning in _said_once(source.snapshot.warnings):
                names_its_file = warning.startswith(f"{source.snapshot.shown}: ")
                of = f"{source.file}: " if several and not names_its_file else ""
                self.warn(f"{of}{warning}")

    def newest_live(self) -> Path:
        """The newest positions file.

        Raises:
            DataRefused: there is none; says how to get one.
        """
        from variance_bridge.document.newest_file import newest_live

        return self._found(
            newest_live(self.output_folder),
            "positions file",
            "run `variance init` to choose a broker, or `variance sync FILE` with an export;"
            " or look around with `variance demo`",
        )

    def newest_export(self, suffix: str) -> Path:
        """The newest export of that ending in the output folder.

        Raises:
            DataRefused: there is none.
        """
        from variance_bridge.document.newest_file import newest_export

        return self._found(
            newest_export(self.output_folder, suffix),
            f"{suffix} file",
            "put an export of your broker there, or name it: `variance triage FILE`",
        )

    def _found(self, file: Path | None, what: str, hint: str) -> Path:
        from variance_bridge.errors import DataRefused

        if file is None:
            raise DataRefused(f"there is no {what} in {self.output_folder.absolute()}", hint=hint)
        return file

    def warn(self, message: str) -> None:
        """Tell the user something, on stderr, without anything personal."""
        self.warned.append(message)
        subject = f"{self.subject}: " if self.subject else ""
        text = f"Warning: {subject}{message}"
        if self._heard is not None:
            self._heard.append(text)
        if text not in self._unsaid:
            self._say(text)

    @contextmanager
    def saying_only_what_is_not_in(self, known: Collection[str]) -> Iterator[Sequence[str]]:
        """Warnings that the user knows are not repeated; yields the list of all that come up, for the next time."""
        heard: list[str] = []
        self._heard, self._unsaid = heard, known
        try:
            yield heard
        finally:
            self._heard, self._unsaid = None, ()

    def _progress(self, counted: str, done: Callable[[], int], of: int) -> None:
        """Whatever bar is drawn now."""
        self.gauge(counted, done, of)

    def note(self, message: str) -> None:
        """Tell more, with `-v`."""
        if self.verbosity:
            self._say(message)

    def _say(self, text: str) -> None:
        from variance_bridge.formatting import printable

        self.speak(printable(self.personal.redact(text)))


def _said_once(warnings: Sequence[str]) -> Iterable[str]:
    """Without the count of rejected rows, where those are named; the table and the dashboard say "partial" at their head."""
    from variance_bridge.formatting import ROW_REJECTED

    named = any(ROW_REJECTED in warning for warning in warnings)
    return [each for each in warnings if not (named and each.startswith("partial: "))]


def _is_read_by_its_user() -> bool:
    """Whether messages go to a terminal, and not to a log or a pipe."""
    return sys.stderr is not None and sys.stderr.isatty()


def _to_stderr(text: str) -> None:
    import sys

    import click

    from variance_bridge.terminal import laid_out

    click.echo(laid_out(text, sys.stderr) if sys.stderr is not None else text, err=True)
