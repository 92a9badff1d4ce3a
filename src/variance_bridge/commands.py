"""For commands of plugins: what a command is given, how it writes JSON, and a sync with a simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Protocol

from variance_bridge.broker import Clock
from variance_bridge.document.convert import instant_text, to_document
from variance_bridge.document.exact_json import dumps
from variance_bridge.document.schema import schema_text
from variance_bridge.model import Portfolio
from variance_bridge.money import Sum
from variance_bridge.reading.arrow_table import arrow_table
from variance_bridge.reading.book import Book
from variance_bridge.reading.book_document import (
    accounts_document,
    converted_document,
    source_document,
    sums_document,
)
from variance_bridge.reading.currency_conversion import Converted
from variance_bridge.reading.freshness import AgeLimits

__all__ = [
    "Converted",
    "Invocation",
    "accounts_document",
    "arrow_table",
    "converted_document",
    "dumps",
    "instant_text",
    "schema_text",
    "settled",
    "simulated_sync",
    "source_document",
    "sums_document",
    "to_document",
]


class Invocation(Protocol):
    """One call of `variance`: the object of click's context (`@click.pass_obj`)."""

    @property
    def clock(self) -> Clock:
        """The time. A command reads no other clock."""
        ...

    @property
    def folder(self) -> Path:
        """The user's configuration folder; it need not exist."""
        ...

    @property
    def age_limits(self) -> AgeLimits:
        """How old positions may be, for `variance_bridge.load`."""
        ...

    @property
    def listeners(self) -> tuple[str, ...]:
        """The listeners that the configuration names."""
        ...

    def enable_listener(self, name: str) -> Path:
        """Name a listener in variance.toml, from now on; the file is made where there is none. Returns the file.

        Raises:
            ConfigurationError: it is not TOML, or cannot be written.
        """
        ...

    def disable_listener(self, name: str) -> Path:
        """Name a listener in variance.toml no longer; all else in it stays. Returns the file.

        Raises:
            ConfigurationError: it is not TOML, cannot be written, or names the listener in a way that is not understood.
        """
        ...

    def newest_live(self) -> Path:
        """The newest positions file.

        Raises:
            DataRefused: there is none; says how to get one.
        """
        ...

    def book(
        self,
        files: Sequence[Path] = (),
        *,
        account: str | None = None,
        any_age: bool = False,
        may_be_unread: bool = False,
    ) -> Book:
        """The files as one book, within the user's limits of age; warnings are shown.

        Args:
            files: positions files and exports; without any, the positions files of all accounts.
            account: one account alone, by its label, or by its hash or the beginning of it.
            any_age: count old positions too.
            may_be_unread: give a book although its only file cannot be read: its source has the error.

        Raises:
            DataRefused: there is no positions file, or none of that account.
            BridgeError: the only file cannot be read.
        """
        ...

    def account_labels(self, hashes: Iterable[str | None]) -> Mapping[str, str]:
        """What the user calls these accounts, by hash; nothing for an account without a label.

        For the terminal and pages of the user alone: a label must not get into a document, JSON, an export, a log or a
        message.
        """
        ...

    def account_called(self, text: str, hashes: Iterable[str | None]) -> str:
        """What the user typed behind `--account`, as the hash of one of these accounts where it is a label, else as it is.

        Raises:
            DataRefused: several accounts are called so; on a terminal also where none is, with the labels that there are.
        """
        ...

    def in_currency(
        self,
        amounts: Mapping[str | None, Mapping[str, Sum]],
        target: str,
        on: date | None = None,
        *,
        portfolios: Iterable[Portfolio] = (),
    ) -> Converted:
        """Sums by currency, brought to one with the rates that brokers state, else with those that `variance fx update` keeps.

        The user is warned of an old rate, and of accounts that state different ones.

        Args:
            amounts: for each currency the same sums by name.
            target: ISO 4217.
            on: the day whose rates count; today by default.
            portfolios: whose brokers' own rates come first, whatever their day.

        Raises:
            ConfigurationError: there are no rates at all, and one is needed.
            UsageError: `target` is not a currency.
        """
        ...

    def warn(self, message: str) -> None:
        """Show the user a warning, on stderr, without anything personal."""
        ...


def settled(portfolio: Portfolio) -> Portfolio:
    """What a sync makes of a broker's portfolio: a row whose numbers contradict each other is rejected or flagged.

    Raises:
        DataRefused: a sync would refuse it, for what contradicts itself in the whole of it.
    """
    from variance_bridge.document.check import refuse
    from variance_bridge.pipeline.contradictory_rows import settle_unnamed

    found = settle_unnamed(portfolio)
    refuse(found.violations)
    return found.portfolio


def simulated_sync(
    broker: str,
    folder: Path,
    *,
    settings: Mapping[str, str],
    credentials: Mapping[str, str],
    warn: Callable[[str], None],
) -> Path:
    """Sync an installed broker with a server on this machine in its place, for a demonstration or a test.

    The broker is the real one, over HTTP. Nothing of the user is touched: no configuration, environment, credential or
    key is read, and all that is written is below `folder`.

    Args:
        broker: its name.
        folder: of this sync alone, such as a temporary one.
        settings: of the broker, as `--set` takes them; the address of the server is among them.
        credentials: by the names that the broker declares.
        warn: is given a warning, without anything personal.

    Returns:
        The positions file. Its account hash is made with a key that is thrown away.

    Raises:
        BridgeError: whatever a sync raises.
    """
    import secrets

    from variance_bridge.network.limits_and_retries import Policy
    from variance_bridge.personal_values import PersonalValues, Secret
    from variance_bridge.pipeline.broker_choice import Choice
    from variance_bridge.pipeline.run_context import RunContext
    from variance_bridge.pipeline.sync import sync
    from variance_bridge.pipeline.sync_records import SyncRequest
    from variance_bridge.settings.account_hash import account_hash
    from variance_bridge.settings.configuration import Configuration

    given = {name: Secret(value) for name, value in credentials.items()}
    personal, key = PersonalValues(), secrets.token_bytes(32)
    context = RunContext(
        configuration=Configuration(folder=folder / "configuration", file=None),
        personal=personal,
        policy=Policy(),
        find_credential=lambda _broker, credential: given.get(credential.name),
        hash_account=lambda name, number: account_hash(key, name, number),
        warn=lambda message: warn(personal.redact(message)),
    )
    output = folder / "positions" / f"live_{broker}.json"
    sync(context, SyncRequest(choice=Choice(broker=broker, overrides=settings), output=output))
    return output
