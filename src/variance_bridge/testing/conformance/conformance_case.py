"""What every case works from: the subject, its recordings, and one run of the broker on each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any, ClassVar

import attrs

from variance_bridge.broker import BrokerSpec
from variance_bridge.document.convert import to_document
from variance_bridge.errors import DataRefused
from variance_bridge.model import Holding, Portfolio
from variance_bridge.testing.broker_under_test import Subject, find_subject
from variance_bridge.testing.case_decorator import Complaints, NotApplicableError, NotReadyError
from variance_bridge.testing.comparison import is_judged_by_the_core, wrong
from variance_bridge.testing.payloads.changes_over_years import (
    MAX_ELEMENTS,
    Drift,
    Scope,
    find_columns,
    retyped,
    unknown_word,
)
from variance_bridge.testing.payloads.rows import (
    RowList,
    find_rows,
    holding_of,
    named_rows,
    row_of,
    thinned,
)
from variance_bridge.testing.payloads.trees import Place, Sources, at, nodes
from variance_bridge.testing.recorded_run import (
    AccountRun,
    Outcome,
    Overheard,
    RecordedRun,
    completed,
    describe_exception,
    run_recording,
)
from variance_bridge.testing.recordings import Recording, as_recordings


@attrs.frozen
class PayloadTree:
    """The run of one account, its payloads as a tree, and where its rows are."""

    account_run: AccountRun
    sources: Sources
    lists: tuple[RowList, ...]

    @property
    def name(self) -> str:
        """Of the recording, and of the account and row in it."""
        return self.account_run.name

    @property
    def portfolio(self) -> Portfolio:
        """What the broker made of the payloads as they are."""
        return self.account_run.portfolio

    def row_places(self) -> list[Place]:
        """The places of all rows."""
        return [place for rows in self.lists for place in rows.places()]

    def changed(self, outcome: object) -> Holding | None:
        """The one position that is new in an outcome; None where there is none, or several."""
        if not isinstance(outcome, Portfolio):
            return None
        new = Counter(outcome.positions) - Counter(self.account_run.portfolio.positions)
        return next(iter(new)) if new.total() == 1 else None

    def lost(self, outcome: Portfolio) -> bool:
        """Whether a position is not what it was, or gone."""
        return bool(Counter(self.account_run.portfolio.positions) - Counter(outcome.positions))

    def renormalized(self, tree: Any) -> Outcome:
        """What the broker makes of a changed tree."""
        return self.account_run.normalize(self.sources.render(tree))


class ConformanceCase:
    """The attributes that an author sets, and what the cases look at.

    Attributes:
        broker: the class under test.
        payloads: a folder with recordings, or a list of `Recording`.
        spec: what its plugin declares; found through the entry point of the project, or of the environment.
        own_payloads: names in `RawPortfolio.payloads` that hold what the plugin itself put there, not the broker.
        rows: where the rows are, as in `("account.positions",)`: names of payloads and of members in them. Without it they are
            found by taking elements away and seeing what is counted.
        account_members: names of members or columns that say to which account a row belongs: with another word in
            them, the row is another account's, and rightly gone from this one.
        most_drifting: of a longer list of rows or lines so many drift, evenly spread.
    """

    broker: ClassVar[Any] = None
    payloads: ClassVar[Any] = None
    spec: ClassVar[BrokerSpec | None] = None
    own_payloads: ClassVar[frozenset[str]] = frozenset()
    rows: ClassVar[tuple[str, ...]] = ()
    account_members: ClassVar[frozenset[str]] = frozenset()
    most_drifting: ClassVar[int] = MAX_ELEMENTS

    def is_position(self, row: Any) -> bool:  # noqa: ARG002 - for authors to override
        """Whether an element of the broker's list of rows is a position; False for its cash lines and totals."""
        return True

    def flipped(self, row: Any) -> Any | None:  # noqa: ARG002 - for authors to override
        """The same row of the opposite side; None lets the kit find out how by itself."""
        return None

    def subject(self) -> Subject:
        """The broker and its declaration."""
        return _subject(_class_of(self))

    def recordings(self) -> tuple[Recording, ...]:
        """The recordings."""
        return _recordings(_class_of(self))

    def tries(self) -> tuple[RecordedRun, ...]:
        """One run on each recording, also those that failed."""
        return _tries(_class_of(self))

    def recorded_runs(self) -> tuple[RecordedRun, ...]:
        """One run on each recording.

        Raises:
            NotReadyError: one of them failed; says how.
        """
        package = self.subject().package
        problems = [problem for one in self.tries() if (problem := one.problem(package))]
        if problems:
            raise NotReadyError(problems[0])
        return self.tries()

    def account_runs(self) -> list[AccountRun]:
        """One run for each account of each recording."""
        return [account_run for run in self.recorded_runs() for account_run in run.account_runs]

    def payload_trees(self) -> tuple[PayloadTree, ...]:
        """The runs of accounts with their rows."""
        self.recorded_runs()
        return _payload_trees(_class_of(self))

    def with_rows(self) -> list[PayloadTree]:
        """The runs of accounts that have rows.

        Raises:
            NotReadyError: none has.
        """
        found = [payload for payload in self.payload_trees() if payload.lists]
        if found:
            return found
        texts = [name for one in self.payload_trees() for name in one.sources.unreadable]
        if texts:
            raise NotApplicableError(
                f"the payload `{texts[0]}` is a text in which the kit finds no rows: neither JSON nor XML nor a table"
            )
        raise NotReadyError(
            "no row was found in the payloads: `meta.counts.fetched` must count the rows of the broker's answer",
            "COUNT-02",
        )

    def holdings(self) -> list[tuple[AccountRun, Holding]]:
        """Every position of every account."""
        return [
            (account_run, holding)
            for account_run in self.account_runs()
            for holding in account_run.portfolio.positions
        ]

    def document(self, portfolio: Portfolio) -> dict[str, Any]:
        """The portfolio as the document that would be published."""
        return to_document(completed(portfolio, self.subject().spec.name))

    def scopes(self) -> list[tuple[PayloadTree, Scope]]:
        """What drifts: each account outside its rows, and each of its rows with one other beside it."""
        self.recorded_runs()
        return _scopes(_class_of(self))

    def row_scopes(self) -> list[tuple[PayloadTree, Scope]]:
        """The rows that drift, each with one other beside it; `Scope.inside` is the row's place."""
        return [(payload, scope) for payload, scope in self.scopes() if scope.inside]

    def witnesses(self) -> list[tuple[PayloadTree, Scope, Holding]]:
        """One row of each kind (type, right, side) that is an open position, with one other row beside it."""
        self.recorded_runs()
        return _witnesses(_class_of(self))

    def unheard(self) -> list[tuple[str, Drift, Overheard]]:
        """What the broker makes of the payloads with an unknown word in each place: it names a person."""
        self.recorded_runs()
        return _unheard(_class_of(self))

    def judge(self, payload: PayloadTree, drifts: Iterable[Drift]) -> Complaints:
        """What is wrong with what the broker makes of damaged payloads."""
        source, package = self.subject().spec.name, self.subject().package
        for drift in drifts:
            outcome = payload.account_run.normalize(drift.payloads)
            where = f"{payload.name}: {drift}"
            if _holds_rows(payload, drift.place) and is_judged_by_the_core(outcome):
                continue
            if isinstance(outcome, Portfolio):
                for complaint in wrong(payload.portfolio, outcome, source):
                    yield f"{where}, {complaint}"
            elif not isinstance(outcome, DataRefused):
                yield f"{where}, it crashes with {describe_exception(outcome, package)}"
            elif _costs_the_others(payload, drift.place):
                yield f"{where}, all rows are refused for one: {outcome.what}"


def _holds_rows(payload: PayloadTree, place: Place) -> bool:
    """Whether a place is a list of rows, or something around it."""
    return any(rows.place[: len(place)] == place for rows in payload.lists)


def _costs_the_others(payload: PayloadTree, place: Place) -> bool:
    """Whether a refusal because of this place takes good rows along; a cut-off last line may do that."""
    row = row_of(place, payload.lists)
    rows = payload.row_places()
    is_last_line = row == rows[-1] and place[0] in payload.sources.tables if rows else False
    return row is not None and len(rows) > 1 and not is_last_line


def _class_of(case_class: ConformanceCase) -> Any:
    """The test class, as what the runs are kept by."""
    return type(case_class)


@cache
def _subject(test_class: Any) -> Subject:
    return find_subject(test_class.broker, test_class, test_class.spec)


@cache
def _recordings(test_class: Any) -> tuple[Recording, ...]:
    try:
        return as_recordings(test_class.payloads)
    except DataRefused as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise NotReadyError(f"{error}{hint}", "REC-01") from None


@cache
def _tries(test_class: Any) -> tuple[RecordedRun, ...]:
    subject = _subject(test_class)
    return tuple(run_recording(subject, recording) for recording in _recordings(test_class))


@cache
def _payload_trees(test_class: Any) -> tuple[PayloadTree, ...]:
    case_class = test_class()
    found = []
    for account_run in case_class.account_runs():
        sources = Sources(account_run.raw.payloads, test_class.own_payloads)
        found.append(PayloadTree(account_run, sources, _lists(test_class, account_run, sources)))
    return tuple(found)


def _lists(test_class: Any, account_run: AccountRun, sources: Sources) -> tuple[RowList, ...]:
    """Where the author says that the rows are, or where they are found."""
    is_position = test_class().is_position
    if test_class.rows:
        return named_rows(sources, test_class.rows, is_position)
    return find_rows(account_run, sources, is_position)


@cache
def _scopes(test_class: Any) -> list[tuple[PayloadTree, Scope]]:
    found = []
    for payload in _payload_trees(test_class):
        places = tuple(nodes(payload.sources.tree, test_class.most_drifting))
        outside = tuple(one for one in places if row_of(one[0], payload.lists) is None)
        found.append((payload, Scope(payload.sources, outside)))
        visited = {place for place, _value in places}
        rows = [row for row in payload.row_places() if row in visited]
        found += [_row_scope(test_class, payload, row) for row in rows]
    return found


@cache
def _witnesses(test_class: Any) -> list[tuple[PayloadTree, Scope, Holding]]:
    found: dict[tuple[object, ...], tuple[PayloadTree, Scope, Holding]] = {}
    for payload in _payload_trees(test_class):
        for row in payload.row_places():
            holding = holding_of(payload.account_run, payload.sources, row)
            if holding is None:
                continue
            kind = (holding.type, holding.option_type, holding.side)
            if kind not in found:
                small, scope = _row_scope(test_class, payload, row)
                found[kind] = (small, scope, holding)
    return list(found.values())


def _row_scope(test_class: Any, payload: PayloadTree, row: Place) -> tuple[PayloadTree, Scope]:
    account_run, sources, place = thinned(payload.account_run, payload.sources, payload.lists, row)
    account_run = attrs.evolve(account_run, name=f"{payload.name}, {_row_name(payload, row)}")
    is_whole = sources is payload.sources
    lists = payload.lists if is_whole else _lists(test_class, account_run, sources)
    small = PayloadTree(account_run, sources, lists)
    inside = [(place, at(sources.tree, place)), *nodes(at(sources.tree, place), place=place)]
    drifting = tuple(
        one for one in inside if _title(small, one[0]) not in test_class.account_members
    )
    return small, Scope(sources, drifting, place)


def _title(payload: PayloadTree, place: Place) -> str | None:
    """The name of a member, or the title of a cell's column."""
    if not payload.sources.is_cell(place):
        return str(place[-1])
    name = str(place[0])
    first = min(int(row[-1]) for row in payload.row_places() if row[0] == name)
    columns = find_columns(payload.sources, name, first)
    return str(payload.sources.tree[name][columns.header][place[2]]) if columns else None


def _row_name(payload: PayloadTree, row: Place) -> str:
    number = int(row[-1]) + 1
    return f"line {number}" if row[0] in payload.sources.tables else f"row {number}"


@cache
def _unheard(test_class: Any) -> list[tuple[str, Drift, Overheard]]:
    return [
        (payload.name, one, payload.account_run.overheard(one.payloads))
        for payload, scope in _scopes(test_class)
        for one in retyped(scope, unknown_word)
    ]
