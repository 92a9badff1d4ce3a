"""Whether the broker runs at all, and whether its documents say what the author read off the broker's own screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from variance_bridge.errors import BridgeError
from variance_bridge.model import Side
from variance_bridge.personal_values import PersonalValues
from variance_bridge.pipeline.broker_choice import Choice
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.pipeline.sync import sync
from variance_bridge.pipeline.sync_records import NO_QUOTES, SyncRequest
from variance_bridge.plugins.loading import Registry
from variance_bridge.settings.configuration import Configuration
from variance_bridge.testing.broker_under_test import Subject
from variance_bridge.testing.canaries import credential_value
from variance_bridge.testing.case_decorator import Complaints, case
from variance_bridge.testing.conformance.conformance_case import ConformanceCase
from variance_bridge.testing.frozen_clock import FrozenClock
from variance_bridge.testing.recorded_run import ACCOUNT_HASH, AccountRun, write_input
from variance_bridge.testing.recordings import Recording
from variance_bridge.testing.simulated_session import SimulatedSession

_MONEY = ("cost_basis", "market_value", "average_price", "unrealized_pl")
_COMPUTED = ("cost_basis", "market_value", "unrealized_pl", "day_pl")
_BALANCES = ("cash", "net_liquidating_value")
MAX_DECIMALS_OF_MONEY = 4
"""Money on a screen has two; some brokers show cents of a cent."""


class Expectations(ConformanceCase):
    """RUN and EXPCT: the recordings are read, and rightly."""

    @case("RUN-01")
    def test_each_recording_is_read_to_its_end(self) -> Complaints:
        """Accounts are listed, fetched and normalized without an error, for each recording."""
        self.recorded_runs()
        yield from ()

    @case("RUN-02")
    def test_a_sync_of_each_recording_would_be_published(self) -> Complaints:
        """The whole pipeline accepts what the broker gives: registry, settings, credentials, seal and checks."""
        subject = self.subject()
        if not subject.has_entry_point:
            return
        for recording in self.recordings():
            try:
                _dry_sync(subject, recording)
            except BridgeError as error:
                yield f"{recording.name}: {error}"

    @case("EXPCT-01")
    def test_each_recording_says_what_it_means(self) -> Complaints:
        """Each recording states what is expected of each of its accounts.

        Write `expected` by hand, from the broker's own screen or documentation and not from the plugin's output: one
        object for each account, with `positions` (symbol, side, and what you know: quantity, multiplier, cost_basis,
        market_value, ...), `counts` and `balances`.
        """
        for run in self.recorded_runs():
            expected = run.recording.expected
            if expected is None:
                yield f"{run.recording.name} has no member `expected`"
            elif len(expected) != len(run.accounts):
                yield (
                    f"{run.recording.name} expects {len(expected)} accounts,"
                    f" and the broker lists {len(run.accounts)}"
                )

    @case("EXPCT-02")
    def test_each_expected_position_is_there_as_it_was_written_down(self) -> Complaints:
        """Every position says what the broker's own screen says: side, quantity, multiplier, money."""
        for account_run in self.account_runs():
            left = list(self.document(account_run.portfolio)["positions"])
            for wanted in (account_run.expected or {}).get("positions", ()):
                found = _find(wanted, left)
                if found is None:
                    yield f"{account_run.name}: there is no {wanted.get('side', '')} {wanted.get('symbol')}"
                    continue
                left.remove(found)
                for name, should, is_ in _differences(wanted, found):
                    yield f"{account_run.name}: {name} of {wanted['symbol']} is {is_}, and should be {should}"

    @case("EXPCT-03")
    def test_counts_and_balances_are_as_they_were_written_down(self) -> Complaints:
        """Counts and balances are what the author wrote down."""
        for account_run in self.account_runs():
            document = self.document(account_run.portfolio)
            parts = {
                "counts": document["meta"].get("counts", {}),
                "balances": document.get("balances", {}),
            }
            for part, found in parts.items():
                wanted = (account_run.expected or {}).get(part, {})
                for name, should, is_ in _differences(wanted, found):
                    rejected = _rejected(account_run) if name == "rejected" else ""
                    yield f"{account_run.name}: {part}.{name} is {is_}, and should be {should}{rejected}"

    @case("EXPCT-04")
    def test_what_was_written_down_covers_both_sides_and_each_type_with_money(self) -> Complaints:
        """For a long, a short and one position of each declared type, quantity and money were written down."""
        stated = [
            (holding, wanted)
            for account_run in self.account_runs()
            for wanted in (account_run.expected or {}).get("positions", ())
            for holding in account_run.portfolio.positions
            if (holding.symbol, holding.side.value) == (wanted.get("symbol"), wanted.get("side"))
            and "quantity" in wanted
            and any(name in wanted for name in _MONEY)
        ]
        for side in Side:
            if not any(holding.side is side for holding, _wanted in stated):
                yield f"nothing with quantity and money is expected of a {side} position"
        for kind in sorted(self.subject().types):
            if not any(holding.type is kind for holding, _wanted in stated):
                yield f"nothing with quantity and money is expected of a position of the type `{kind}`"

    @case("EXPCT-05")
    def test_currency_and_balances_were_written_down(self) -> Complaints:
        """For an account that holds something, its currency was written down, and its balances where there are any.

        `"currency": "USD"` beside `positions`, or in `balances`: what a number is worth depends on it.
        """
        for account_run in self.account_runs():
            wanted = account_run.expected or {}
            if not account_run.portfolio.positions:
                continue
            balances = wanted.get("balances", {})
            currency = wanted.get("currency") or balances.get("currency")
            if currency is None:
                yield f"{account_run.name}: `expected` states no currency"
            elif currency != account_run.portfolio.meta.currency:
                found = account_run.portfolio.meta.currency
                yield f"{account_run.name}: meta.currency is {found}, and should be {currency}"
            if account_run.portfolio.balances is not None and not set(_BALANCES) & set(balances):
                yield f"{account_run.name}: `expected` states no balances"

    @case("EXPCT-06")
    def test_what_was_written_down_is_not_a_copy_of_the_output(self) -> Complaints:
        """What is expected comes from the broker's screen and not from the plugin, whose faults it would repeat.

        A screen shows money to the cent, and none of the members that only a document has. Numbers may be rounded: they are
        compared to as many decimals as were written down.
        """
        for account_run in self.account_runs():
            documents = self.document(account_run.portfolio)["positions"]
            wanted = list((account_run.expected or {}).get("positions", ()))
            if wanted and all(one in documents for one in wanted):
                yield f"{account_run.name}: each position that is expected is a copy of the document's, with every member"
            for one in wanted:
                for name in _COMPUTED:
                    if _decimals(one.get(name)) > MAX_DECIMALS_OF_MONEY:
                        yield f"{account_run.name}: {name} of {one.get('symbol')} has more digits than any screen shows"


def _decimals(value: Any) -> int:
    if not isinstance(value, Decimal):
        return 0
    return -int(value.normalize().as_tuple().exponent)


def _rejected(account_run: AccountRun) -> str:
    """Which rows were rejected, and why."""
    rows = [f"row {one.row}: {one.reason}" for one in account_run.portfolio.meta.rejected]
    return f" ({', '.join(rows)})" if rows else ""


def _find(wanted: Mapping[str, Any], documents: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The position that is meant: by symbol and side, of several the one that fits best."""
    named = [one for one in documents if one["symbol"] == wanted.get("symbol")]
    sided = [one for one in named if wanted.get("side") in (None, one["side"])] or named
    return min(sided, key=lambda one: len(list(_differences(wanted, one))), default=None)


def _differences(
    wanted: Mapping[str, Any], found: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, str, str]]:
    for name, should in wanted.items():
        is_ = found.get(name)
        if isinstance(should, Mapping) and isinstance(is_, Mapping):
            yield from _differences(should, is_, f"{prefix}{name}.")
        elif is_ != should and not _is_rounded(should, is_):
            yield f"{prefix}{name}", _words(should), "absent" if is_ is None else _words(is_)


def _is_rounded(should: Any, is_: Any) -> bool:
    """Whether a number is the other one, to as many decimals as were written down (one unit of the last is allowed)."""
    if isinstance(should, bool) or not isinstance(should, int | Decimal):
        return False
    if not isinstance(is_, int | Decimal) or _decimals(should) < 2:
        return False
    return abs(Decimal(is_) - Decimal(should)) <= Decimal(1).scaleb(-_decimals(should)) / 2


def _words(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _dry_sync(subject: Subject, recording: Recording) -> None:
    """`variance sync --all-accounts --quotes none --dry-run`, over the recording."""
    clock, personal = FrozenClock(recording.taken_at), PersonalValues()
    with TemporaryDirectory() as folder:
        context = RunContext(
            registry=Registry(lambda _group: [subject.loaded.plugin]),
            configuration=Configuration(
                folder=Path(folder),
                file=None,
                environment={"VARIANCE_OUTPUT_DIR": str(Path(folder) / "positions")},
            ),
            clock=clock,
            personal=personal,
            find_credential=lambda _broker, credential: (
                credential_value(credential) if credential.required else None
            ),
            store_credential=lambda _broker, _name, _secret: True,
            open_session=lambda reach: SimulatedSession(
                recording.exchanges,
                hosts=reach.hosts,
                token_paths=reach.token_paths,
                read_posts=reach.read_posts,
                clock=clock,
                personal=personal,
            ),
            hash_account=lambda _broker, _number: ACCOUNT_HASH,
            trust=lambda _plugin: None,
        )
        choice = Choice(
            broker=subject.spec.name,
            input_file=write_input(recording, Path(folder)),
            overrides={name: str(value) for name, value in recording.settings.items()},
        )
        sync(
            context,
            SyncRequest(choice=choice, quotes=NO_QUOTES, all_accounts=True, dry_run=True),
        )
