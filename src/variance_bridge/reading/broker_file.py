"""Reading a broker's export file without a sync: the broker is the one that has the name of the file's ending."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

from msgspec import Struct

from variance_bridge.broker import Account
from variance_bridge.document.check import refuse
from variance_bridge.errors import DataRefused, UnknownPlugin
from variance_bridge.formatting import path_text
from variance_bridge.masking import masked
from variance_bridge.model import Portfolio
from variance_bridge.pipeline.broker_choice import Choice, reader_of_ending
from variance_bridge.pipeline.overwrite import Verdict, judge_overwrite
from variance_bridge.pipeline.run import BrokerRun, open_broker
from variance_bridge.settings.account_hash import KEY_BYTES, account_hash
from variance_bridge.storage.read import refuse_missing

_EMPTY = "if the account really is empty, record that: `variance sync FILE --allow-empty`"
_UNREAD = "download an export again; if its rows cannot be read either, report their reasons"


class BrokerFile(Struct, frozen=True, kw_only=True):
    """A file that a broker exported, read.

    Attributes:
        portfolio: what it holds.
        warnings: what its broker warned of.
        shown: its name, without what may be an account number or a nickname: brokers put both into names of files.
        account: by what two exports of one account are known, in this process only; None where the file names no account,
            or one number for several.
        refusal: why it is not to be relied on: nothing says that an export without positions is whole. None where it is.
    """

    portfolio: Portfolio
    warnings: tuple[str, ...]
    shown: str
    account: str | None = None
    refusal: DataRefused | None = None


def read_broker_file(file: Path) -> BrokerFile:
    """The portfolio in an export file. Nothing is written; no account is hashed.

    Raises:
        DataRefused: no broker reads such files, or this one is not readable, or is a folder.
        ConfigurationError: the file holds several accounts.
    """
    from variance_bridge.pipeline.account_choice import select_account

    if file.is_dir():
        raise DataRefused(
            "this is a folder, and a single file is needed",
            where=path_text(file),
            hint="name a file in it",
        )
    return _read(file, lambda run, accounts: [select_account(run, accounts, None)])[0]


def read_all_accounts(file: Path) -> tuple[BrokerFile, ...]:
    """The portfolios of all accounts in an export file; what its broker warned of stands with the first.

    Raises:
        DataRefused: as `read_broker_file`.
    """
    return _read(file, lambda _run, accounts: accounts)


def read_export_folder(
    folder: Path,
) -> tuple[Sequence[tuple[Path, BrokerFile]], Sequence[tuple[Path, DataRefused]]]:
    """The newest export of each account in a folder, and why a file that may be a newer one cannot be read.

    Raises:
        DataRefused: no export in it can be read.
    """
    from variance_bridge.pipeline.export_folder import refusal_of
    from variance_bridge.pipeline.run_context import reading_context

    warnings: list[str] = []
    run = open_broker(reading_context(warnings.append), Choice(input_file=folder))
    accounts = run.accounts()
    if run.folder is None:
        return [], []
    files = [run.folder.export_of(account).file for account in accounts]
    unread = [(each.file, refusal_of(each)) for each in run.folder.unread if each.may_be_newest]
    return list(zip(files, _broker_files(run, accounts, files, warnings), strict=True)), unread


Choose = Callable[[BrokerRun, Sequence[Account]], Sequence[Account]]


def _read(file: Path, choose: Choose) -> tuple[BrokerFile, ...]:
    from variance_bridge.pipeline.run_context import reading_context

    warnings: list[str] = []
    ending = file.suffix.lower()
    if not ending.removeprefix("."):
        refuse_missing(file)
        raise DataRefused(
            "its name does not say what kind of file it is",
            where=masked(file.name),
            hint="names of positions files end in .json, those of exports in .csv",
        )
    context = reading_context(warnings.append)
    try:
        run = open_broker(context, Choice(broker=reader_of_ending(file), input_file=file))
    except UnknownPlugin:
        refuse_missing(file)
        raise DataRefused(
            f"no broker that reads {ending} files is installed",
            where=masked(file.name),
            hint="positions files end in .json, exports of most brokers in .csv; unpack an archive first",
        ) from None
    accounts = choose(run, run.accounts())
    if not accounts:
        raise DataRefused("it lists no account", where=masked(file.name))
    return _broker_files(run, accounts, [file] * len(accounts), warnings)


def _broker_files(
    run: BrokerRun, accounts: Sequence[Account], files: Sequence[Path], warnings: Sequence[str]
) -> tuple[BrokerFile, ...]:
    """What the accounts hold, each with the file that it is in."""
    portfolios = [_settled(run, account) for account in accounts]
    shown = [run.shown_name(file) for file in files]
    numbers = Counter(account.number for account in accounts)
    return tuple(
        BrokerFile(
            portfolio=portfolio,
            warnings=_said_of(place, shown, warnings),
            shown=shown[place],
            account=_known_by(run.spec.name, account.number)
            if account.number and numbers[account.number] == 1
            else None,
            refusal=_doubt(portfolio, shown[place]),
        )
        for place, (account, portfolio) in enumerate(zip(accounts, portfolios, strict=True))
    )


def _said_of(place: int, shown: Sequence[str], warnings: Sequence[str]) -> tuple[str, ...]:
    """The warnings that name the file of this place, with its first account; those that name none of the files, with the first of all."""
    if shown[place] in shown[:place]:
        return ()
    named = {
        warning: next((name for name in shown if warning.startswith(f"{name}: ")), shown[0])
        for warning in warnings
    }
    return tuple(warning for warning in warnings if named[warning] == shown[place])


def _doubt(portfolio: Portfolio, shown: str) -> DataRefused | None:
    """The judgement of a first sync: an export that was cut off after its header is not an empty account.

    Balances of zero that the file states are enough to show an account, though not to overwrite one.
    """
    balances = portfolio.balances
    states_zero = balances is not None and balances.net_liquidating_value == balances.cash == 0
    if portfolio.positions or (states_zero and not portfolio.meta.rejected):
        return None
    judgement = judge_overwrite(None, portfolio, from_file=True)
    if judgement.verdict is Verdict.ACCEPT:
        return None
    hint = _UNREAD if portfolio.meta.rejected else _EMPTY
    return DataRefused(judgement.reason, where=shown, hint=hint)


@cache
def _key_of_this_process() -> bytes:
    """So that what an account is known by says nothing about its number, and is never one of the installation's hashes."""
    return os.urandom(KEY_BYTES)


def _known_by(broker: str, number: str) -> str:
    return account_hash(_key_of_this_process(), broker, number)


def _settled(run: BrokerRun, account: Account) -> Portfolio:
    from variance_bridge.pipeline.contradictory_rows import settle_unnamed

    settled = settle_unnamed(run.portfolio(account))
    refuse(settled.violations)
    return settled.portfolio
