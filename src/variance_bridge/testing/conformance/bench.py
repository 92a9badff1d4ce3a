"""What every case works from: the subject, its recordings, and one run of the broker on each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, ClassVar

import attrs

from variance_bridge.broker import BrokerSpec
from variance_bridge.document.convert import to_document
from variance_bridge.errors import DataRefused
from variance_bridge.model import Holding, Portfolio
from variance_bridge.testing.cases import Complaints, NotReadyError
from variance_bridge.testing.comparison import wrong
from variance_bridge.testing.drift import (
    MOST_ELEMENTS,
    Drift,
    Scope,
    find_columns,
    retyped,
    unheard_of,
)
from variance_bridge.testing.recordings import Recording, as_recordings
from variance_bridge.testing.rehearsal import Act, Outcome, Rehearsal, completed, rehearse, told
from variance_bridge.testing.rows import RowList, find_rows, row_of, thinned
from variance_bridge.testing.subject import Subject, find_subject
from variance_bridge.testing.trees import Place, Sources, at, nodes


@attrs.frozen
class Working:
    """An act, its payloads as a tree, and where its rows are."""

    act: Act
    sources: Sources
    lists: tuple[RowList, ...]

    def row_places(self) -> list[Place]:
        """The places of all rows."""
        return [place for rows in self.lists for place in rows.places()]

    def renormalized(self, tree: Any) -> Outcome:
        """What the broker makes of a changed tree."""
        return self.act.normalize(self.sources.render(tree))


class Bench:
    """The attributes that an author sets, and what the cases look at.

    Attributes:
        broker: the class under test.
        payloads: a folder with recordings, or a list of `Recording`.
        spec: what its plugin declares; found through the entry point of the project, or of the environment.
        own_payloads: names in `RawPortfolio.payloads` that hold what the plugin itself put there, not the broker.
        account_members: names of members or columns that say to which account a row belongs: with another word in
            them, the row is another account's, and rightly gone from this one.
        most_drifting: of a longer list of rows or lines so many drift, evenly spread.
    """

    broker: ClassVar[Any] = None
    payloads: ClassVar[Any] = None
    spec: ClassVar[BrokerSpec | None] = None
    own_payloads: ClassVar[frozenset[str]] = frozenset()
    account_members: ClassVar[frozenset[str]] = frozenset()
    most_drifting: ClassVar[int] = MOST_ELEMENTS

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

    def tries(self) -> tuple[Rehearsal, ...]:
        """One run on each recording, also those that failed."""
        return _tries(_class_of(self))

    def rehearsals(self) -> tuple[Rehearsal, ...]:
        """One run on each recording.

        Raises:
            NotReadyError: one of them failed; says how.
        """
        package = self.subject().package
        problems = [problem for one in self.tries() if (problem := one.problem(package))]
        if problems:
            raise NotReadyError(problems[0])
        return self.tries()

    def acts(self) -> list[Act]:
        """One act for each account of each recording."""
        return [act for rehearsal in self.rehearsals() for act in rehearsal.acts]

    def workings(self) -> tuple[Working, ...]:
        """The acts with their rows."""
        self.rehearsals()
        return _workings(_class_of(self))

    def with_rows(self) -> list[Working]:
        """The acts that have rows.

        Raises:
            NotReadyError: none has.
        """
        found = [working for working in self.workings() if working.lists]
        if not found:
            raise NotReadyError(
                "no row was found in the payloads: `meta.counts.fetched` must count the rows of the broker's answer"
            )
        return found

    def holdings(self) -> list[tuple[Act, Holding]]:
        """Every position of every act."""
        return [(act, holding) for act in self.acts() for holding in act.portfolio.positions]

    def document(self, portfolio: Portfolio) -> dict[str, Any]:
        """The portfolio as the document that would be published."""
        return to_document(completed(portfolio, self.subject().spec.name))

    def scopes(self) -> list[tuple[Working, Scope]]:
        """What drifts: each act outside its rows, and each of its rows with one other beside it."""
        self.rehearsals()
        return _scopes(_class_of(self))

    def row_scopes(self) -> list[tuple[Working, Scope]]:
        """The rows that drift, each with one other beside it; `Scope.inside` is the row's place."""
        return [(working, scope) for working, scope in self.scopes() if scope.inside]

    def unheard(self) -> list[tuple[str, Drift, Outcome]]:
        """What the broker makes of the payloads with a word never heard of in each place: it names a person."""
        self.rehearsals()
        return _unheard(_class_of(self))

    def judge(self, working: Working, drifts: Iterable[Drift]) -> Complaints:
        """What is wrong with what the broker makes of damaged payloads."""
        source, package = self.subject().spec.name, self.subject().package
        for drift in drifts:
            outcome = working.act.normalize(drift.payloads)
            where = f"{working.act.name}: {drift}"
            if isinstance(outcome, Portfolio):
                for complaint in wrong(working.act.portfolio, outcome, source):
                    yield f"{where}, {complaint}"
            elif not isinstance(outcome, DataRefused):
                yield f"{where}, it crashes with {told(outcome, package)}"
            elif _costs_the_others(working, drift.place):
                yield f"{where}, all rows are refused for one: {outcome.what}"


def _costs_the_others(working: Working, place: Place) -> bool:
    """Whether a refusal because of this place takes good rows along; a cut-off last line may do that."""
    row = row_of(place, working.lists)
    rows = working.row_places()
    is_last_line = row == rows[-1] and place[0] in working.sources.tables if rows else False
    return row is not None and len(rows) > 1 and not is_last_line


def _class_of(bench: Bench) -> Any:
    """The test class, as what the runs are kept by."""
    return type(bench)


@cache
def _subject(test_class: Any) -> Subject:
    return find_subject(test_class.broker, test_class, test_class.spec)


@cache
def _recordings(test_class: Any) -> tuple[Recording, ...]:
    try:
        return as_recordings(test_class.payloads)
    except DataRefused as error:
        hint = f" ({error.hint})" if error.hint else ""
        raise NotReadyError(f"{error}{hint}") from None


@cache
def _tries(test_class: Any) -> tuple[Rehearsal, ...]:
    subject = _subject(test_class)
    return tuple(rehearse(subject, recording) for recording in _recordings(test_class))


@cache
def _workings(test_class: Any) -> tuple[Working, ...]:
    bench = test_class()
    found = []
    for act in bench.acts():
        sources = Sources(act.raw.payloads, test_class.own_payloads)
        found.append(Working(act, sources, find_rows(act, sources, bench.is_position)))
    return tuple(found)


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


@cache
def _scopes(test_class: Any) -> list[tuple[Working, Scope]]:
    found = []
    for working in _workings(test_class):
        places = tuple(nodes(working.sources.tree, test_class.most_drifting))
        outside = tuple(one for one in places if row_of(one[0], working.lists) is None)
        accounts = test_class.account_members
        found.append((working, Scope(working.sources, outside)))
        visited = {place for place, _value in places}
        rows = [row for row in working.row_places() if row in visited]
        found += [_row_scope(working, row, accounts) for row in rows]
    return found


def _row_scope(working: Working, row: Place, accounts: frozenset[str]) -> tuple[Working, Scope]:
    act, sources, place = thinned(working.act, working.sources, working.lists, row)
    act = attrs.evolve(act, name=f"{working.act.name}, {_row_name(working, row)}")
    lists = (
        find_rows(act, sources, lambda _row: True)
        if sources is not working.sources
        else working.lists
    )
    small = Working(act, sources, lists)
    inside = [(place, at(sources.tree, place)), *nodes(at(sources.tree, place), place=place)]
    drifting = tuple(one for one in inside if _title(small, one[0]) not in accounts)
    return small, Scope(sources, drifting, place)


def _title(working: Working, place: Place) -> str | None:
    """The name of a member, or the title of a cell's column."""
    if not working.sources.is_cell(place):
        return str(place[-1])
    name = str(place[0])
    first = min(int(row[-1]) for row in working.row_places() if row[0] == name)
    columns = find_columns(working.sources, name, first)
    return str(working.sources.tree[name][columns.header][place[2]]) if columns else None


def _row_name(working: Working, row: Place) -> str:
    number = int(row[-1]) + 1
    return f"line {number}" if row[0] in working.sources.tables else f"row {number}"


@cache
def _unheard(test_class: Any) -> list[tuple[str, Drift, Outcome]]:
    return [
        (working.act.name, one, working.act.normalize(one.payloads))
        for working, scope in _scopes(test_class)
        for one in retyped(scope, unheard_of)
    ]
