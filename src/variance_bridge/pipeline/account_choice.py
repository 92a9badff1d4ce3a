"""Which account is meant: by number, by hash, by label or nickname, or because it is the only one."""

from __future__ import annotations

from collections.abc import Sequence

from variance_bridge.broker import Account
from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.formatting import path_text, plural
from variance_bridge.masking import as_typed
from variance_bridge.pipeline.run import BrokerRun


def select_account(run: BrokerRun, accounts: Sequence[Account], wanted: str | None) -> Account:
    """The account that `--account`, the profile or `default_account_id` names, else the only one.

    Raises:
        DataRefused: the broker lists none.
        ConfigurationError: none fits, or more than one; the hashes are listed, never the numbers.
    """
    if not accounts:
        raise DataRefused(
            "the broker lists no open account", hint="check with the broker's own program"
        )
    name = chosen_account(run, wanted)
    if name is not None and not wanted and run.profile.account is None:
        _warn_of_others(run, len(accounts) - 1)
    if name is None:
        if len(accounts) == 1:
            return accounts[0]
        raise _which(run, accounts, f"there are {len(accounts)} accounts")
    fitting = [account for account in accounts if _is_named(run, account, str(name))]
    if not fitting:
        hashes = [run.account_hash(account) for account in accounts]
        called = run.context.configuration.account_labels.called(str(name), hashes)
        fitting = [account for account in accounts if run.account_hash(account) == called]
    if len(fitting) == 1:
        return fitting[0]
    # What was typed a second ago is repeated; what stands in a file may be pasted by somebody who does not know it.
    asked = as_typed(wanted) if wanted else "the configured one"
    problem = "no account matches" if not fitting else "more than one account matches"
    raise _which(run, accounts, f"{problem} {asked}")


def chosen_account(run: BrokerRun, wanted: str | None) -> str | None:
    """What `--account`, the profile or `default_account_id` calls the account to sync; None where nothing does."""
    return wanted or run.profile.account or _default(run)


def _warn_of_others(run: BrokerRun, others: int) -> None:
    """A folder stands for all accounts that it has exports of: a default that is forgotten would let the others grow old."""
    place = f"default_account_id of {run.spec.name}"
    if run.folder is None or not others or place in run.context.warned:
        return
    run.context.warned.add(place)
    run.context.warn(
        f"{plural(others, 'other account')} in {path_text(run.folder.path)}: not synced, because `default_account_id` names one;"
        " `--all-accounts` syncs them all"
    )


def _default(run: BrokerRun) -> str | None:
    return run.context.configuration.broker_table(run.spec.name).default_account_id


def _is_named(run: BrokerRun, account: Account, name: str) -> bool:
    pseudonym = run.account_hash(account)
    names = {account.number, account.nickname}
    if pseudonym is not None:
        names |= {pseudonym, pseudonym.removesuffix("***")}
    return name in names - {None, ""}


def _which(run: BrokerRun, accounts: Sequence[Account], problem: str) -> ConfigurationError:
    hashes = [name for account in accounts[:12] if (name := run.account_hash(account))]
    return ConfigurationError(
        f"{problem} (to choose from: {', '.join(hashes)})" if hashes else problem,
        hint="choose one with `--account HASH`, or all with `--all-accounts`; `variance accounts`, or `variance accounts FILE`, says which is which",
    )
