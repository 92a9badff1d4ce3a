"""What the broker makes of payloads that are not what they were: right, or rejected; never wrong, never a crash."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from variance_bridge.errors import DataRefused
from variance_bridge.model import Balances, Portfolio
from variance_bridge.testing.case_decorator import Complaints, case
from variance_bridge.testing.comparison import is_judged_by_the_core, only_changed, violations
from variance_bridge.testing.conformance.conformance_case import ConformanceCase, PayloadTree
from variance_bridge.testing.payloads import changes_over_years
from variance_bridge.testing.payloads.changes_over_years import Columns, Drift, Ways, find_columns
from variance_bridge.testing.payloads.garbage import in_place_of
from variance_bridge.testing.payloads.rows import emptied, fetched
from variance_bridge.testing.payloads.trees import at, put, shown, take
from variance_bridge.testing.recorded_run import describe_exception

_GARBAGE: tuple[Any, ...] = (None, "", "garbage", 7, True, [], {}, {"garbage": "garbage"}, [[]])
_NO_ENVELOPE: tuple[Any, ...] = (None, {}, [], "", "garbage")
_NO_LIST: tuple[Any, ...] = (None, {}, "", "garbage", 0, False)

MAX_GARBAGE = 150
"""Values that are put in the place of a row."""


class Drifts(ConformanceCase):
    """DRIFT, ROW and EMPTY."""

    def _retyped(self, ways: Ways) -> Complaints:
        for payload, scope in self.scopes():
            yield from self.judge(payload, changes_over_years.retyped(scope, ways))

    @case("DRIFT-01")
    def test_a_missing_member_changes_no_number(self) -> Complaints:
        """Each member of the payloads can be missing: what it said is then unknown, or the row is rejected."""
        for payload, scope in self.scopes():
            yield from self.judge(payload, changes_over_years.missing(scope))

    @case("DRIFT-02")
    def test_a_null_changes_no_number(self) -> Complaints:
        """Each value can be null."""
        yield from self._retyped(changes_over_years.null)

    @case("DRIFT-03")
    def test_a_renamed_member_changes_no_number(self) -> Complaints:
        """Each member can have another name; nothing that is merely similar is taken for it."""
        for payload, scope in self.scopes():
            yield from self.judge(payload, changes_over_years.renamed(scope))

    @case("DRIFT-04")
    def test_a_number_may_come_as_text_and_a_text_as_number(self) -> Complaints:
        """Each number can come as a text and each text as a number, with blanks or an exponent."""
        yield from self._retyped(changes_over_years.number_as_text)

    @case("DRIFT-05")
    def test_a_value_inside_a_list_or_object_changes_no_number(self) -> Complaints:
        """Each value can be wrapped into a list or an object."""
        yield from self._retyped(changes_over_years.wrapped)

    @case("DRIFT-06")
    def test_an_empty_value_changes_no_number(self) -> Complaints:
        """Each value can be empty: an empty quantity is not zero, and an empty side is not long."""
        yield from self._retyped(changes_over_years.emptied)

    @case("DRIFT-07")
    def test_true_and_false_change_no_number(self) -> Complaints:
        """Each value can be true or false, and true or false can be a word: true is not 1, "false" is not true."""
        yield from self._retyped(changes_over_years.truth)

    @case("DRIFT-08")
    def test_a_word_never_heard_of_changes_no_number(self) -> Complaints:
        """Each word can be a new one: an unknown type is `other` or rejected, an unknown side is rejected.

        A position that is kept as `other` is flagged `type_unknown`.
        """
        yield from self._retyped(changes_over_years.unknown_word)

    @case("DRIFT-09")
    def test_what_only_looks_like_a_number_is_none(self) -> Complaints:
        """NaN, a decimal comma, 400 digits and two numbers in one are no number."""
        yield from self._retyped(changes_over_years.no_number)

    @case("DRIFT-10")
    def test_new_members_change_nothing(self) -> Complaints:
        """Members that nobody has heard of change nothing."""
        yield from self._unchanged(changes_over_years.new_members)

    @case("DRIFT-11")
    def test_the_order_of_members_changes_nothing(self) -> Complaints:
        """The members of each object can stand in another order."""
        yield from self._unchanged(changes_over_years.other_order)

    def _unchanged(self, drifts: Callable[..., Iterator[Drift]]) -> Complaints:
        for payload in self.payload_trees():
            for one in drifts(payload.sources):
                yield from self._is_unchanged(payload, one)

    def _is_unchanged(self, payload: PayloadTree, one: Drift) -> Complaints:
        outcome = payload.account_run.normalize(one.payloads)
        if not isinstance(outcome, Portfolio):
            yield f"{payload.name}: {one}, it ends with {describe_exception(outcome, self.subject().package)}"
        elif outcome.positions != payload.portfolio.positions:
            yield f"{payload.name}: {one}, the positions change"
        elif outcome.balances not in {
            payload.portfolio.balances,
            self._unknown(payload),
        }:
            yield f"{payload.name}: {one}, the balances change"

    def _unknown(self, payload: PayloadTree) -> Balances | None:
        """A table may lose its totals with the order of its columns; what was there is then unknown."""
        return None if payload.sources.tables else payload.portfolio.balances

    @case("DRIFT-12")
    def test_a_lost_column_changes_no_number(self) -> Complaints:
        """Each column of a table can be missing or have another name."""
        for payload, columns in self._columns():
            yield from self.judge(
                payload, changes_over_years.lost_columns(payload.sources, columns)
            )

    @case("DRIFT-13")
    def test_the_order_of_columns_changes_nothing(self) -> Complaints:
        """Columns are found by their names: in another order, or with a new one among them, they mean the same."""
        for payload, columns in self._columns():
            for one in changes_over_years.moved_columns(payload.sources, columns):
                yield from self._is_unchanged(payload, one)

    def _columns(self) -> Iterator[tuple[PayloadTree, Columns]]:
        for payload in self.payload_trees():
            for rows in payload.lists:
                name = str(rows.place[0])
                if name in payload.sources.tables:
                    columns = find_columns(payload.sources, name, rows.rows[0])
                    if columns is not None:
                        yield payload, columns

    @case("ROW-01")
    def test_a_row_of_garbage_is_rejected_and_costs_no_other(self) -> Complaints:
        """A row that is not a row at all is rejected, counted, and named by its number; all others stay as they were."""
        for payload in self.with_rows():
            for place in payload.row_places():
                if place[0] in payload.sources.tables:
                    continue
                for garbage in _GARBAGE:
                    outcome = payload.renormalized(put(payload.sources.tree, place, garbage))
                    where = f"{payload.name}: with {garbage!r} at {shown(place)}"
                    for complaint in self._costs(payload, outcome, rejected=1):
                        yield f"{where}, {complaint}"

    @case("ROW-02")
    def test_a_rejected_row_is_named_by_its_number(self) -> Complaints:
        """`meta.rejected` names the row by its place in the broker's answer, counted from 1, or by its line."""
        for payload in self.with_rows():
            for rows in payload.lists:
                if rows.place[0] in payload.sources.tables or len(payload.lists) > 1:
                    continue
                for index in rows.rows:
                    place = (*rows.place, index)
                    outcome = payload.renormalized(put(payload.sources.tree, place, {}))
                    if not isinstance(outcome, Portfolio):
                        continue
                    before = {one.row for one in payload.portfolio.meta.rejected}
                    named = {one.row for one in outcome.meta.rejected} - before
                    if named - {index + 1}:
                        yield f"{payload.name}: row {index + 1} is rejected as row {sorted(named)}"

    @case("ROW-03")
    def test_anything_at_all_in_the_place_of_a_row_costs_no_other(self) -> Complaints:
        """Whatever JSON stands in the place of a row, there is no crash, and all other rows stay as they were."""
        for payload in self.with_rows():
            if payload.row_places()[0][0] not in payload.sources.tables:
                yield from self._survives(payload)

    def _survives(self, payload: PayloadTree) -> Complaints:
        place = payload.row_places()[0]
        row = at(payload.sources.tree, place)
        for other in in_place_of(row, MAX_GARBAGE):
            outcome = payload.renormalized(put(payload.sources.tree, place, other))
            for problem in self._costs(payload, outcome):
                yield f"{payload.name}: with a row {_brief(row, other)}, {problem}"

    def _costs(self, payload: PayloadTree, outcome: object, rejected: int = 0) -> Complaints:
        """What a bad row costs beyond itself."""
        before = payload.portfolio
        if isinstance(outcome, DataRefused):
            if len(payload.row_places()) > 1:
                yield f"all rows are refused for one: {outcome.what}"
            return
        if not isinstance(outcome, Portfolio):
            problem = outcome if isinstance(outcome, Exception) else TypeError()
            yield f"it crashes with {describe_exception(problem, self.subject().package)}"
            return
        if fetched(outcome) != fetched(before):
            yield f"{fetched(before)} rows become {fetched(outcome)}"
        if len(outcome.meta.rejected) < len(before.meta.rejected) + rejected:
            yield "the row is not rejected"
        lost = Counter(before.positions) - Counter(outcome.positions)
        if lost.total() > 1:
            yield f"{lost.total()} positions change"
        invalid = violations(only_changed(before, outcome), self.subject().spec.name)
        yield from (f"the document is not valid: {one}" for one in invalid[:1])

    @case("EMPTY-01")
    def test_an_account_with_nothing_is_empty_and_complete(self) -> Complaints:
        """Where the broker's list of rows is empty, there is no position, no rejected row, and no error."""
        for payload in self.with_rows():
            outcome = payload.account_run.normalize(emptied(payload.sources, payload.lists))
            if isinstance(outcome, DataRefused) and payload.sources.tables:
                continue
            if not isinstance(outcome, Portfolio):
                yield f"{payload.name}: without rows, it ends with {describe_exception(_error(outcome), self.subject().package)}"
            elif outcome.positions or outcome.meta.rejected or fetched(outcome) != 0:
                yield f"{payload.name}: without rows, there are rows"

    @case("EMPTY-02")
    def test_a_lost_list_of_rows_is_refused_and_not_empty(self) -> Complaints:
        """Where the list of rows is missing, null or something else, the answer is refused: DataRefused.

        An answer that is not understood is not an account that holds nothing. A list that is missing or null may be read as
        empty where there are balances: the core refuses what they contradict. It also refuses rows of which none could be read.
        """
        for payload in self.with_rows():
            for rows in payload.lists:
                if rows.place[0] in {**payload.sources.tables, **payload.sources.markup}:
                    continue
                without = payload.renormalized(take(payload.sources.tree, rows.place))
                is_the_plugins = (
                    len(rows.place) == 1
                )  # a name that `fetch` gave, and no API can lose
                if not is_the_plugins and not is_judged_by_the_core(without):
                    where = f"{payload.name}: without {shown(rows.place)}"
                    yield from (f"{where}, {one}" for one in self._not_refused(without))
                for other in _NO_LIST:
                    outcome = payload.renormalized(put(payload.sources.tree, rows.place, other))
                    if is_judged_by_the_core(outcome) and (other is None or _has_rejected(outcome)):
                        continue
                    where = f"{payload.name}: with {other!r} at {shown(rows.place)}"
                    yield from (f"{where}, {one}" for one in self._not_refused(outcome))

    @case("EMPTY-03")
    def test_a_lost_envelope_is_refused_and_not_empty(self) -> Complaints:
        """Where a whole payload is lost, the answer is refused, or at least no position is lost with it."""
        for payload in self.with_rows():
            for name in payload.sources.tree:
                for other in _NO_ENVELOPE:
                    if other == payload.sources.tree[name]:
                        continue
                    outcome = payload.renormalized({**payload.sources.tree, name: other})
                    is_empty_list = other == [] and any(
                        rows.place == (name,) for rows in payload.lists
                    )
                    if other is None and is_judged_by_the_core(outcome):
                        continue
                    if is_empty_list or _same_positions(outcome, payload):
                        continue
                    where = f"{payload.name}: with {other!r} for the payload {name}"
                    yield from (f"{where}, {one}" for one in self._not_refused(outcome))

    @case("EMPTY-04")
    def test_rows_that_cannot_be_read_are_not_an_empty_account(self) -> Complaints:
        """Where no row can be read, all are rejected and counted, or the answer is refused."""
        for payload in self.with_rows():
            tree: Any = payload.sources.tree
            places = [p for p in payload.row_places() if p[0] not in payload.sources.tables]
            for place in places:
                tree = put(tree, place, {"garbage": Decimal(1)})
            outcome = payload.renormalized(tree)
            if (
                places
                and isinstance(outcome, Portfolio)
                and len(outcome.meta.rejected) < len(places)
            ):
                yield f"{payload.name}: of {len(places)} unreadable rows, {len(outcome.meta.rejected)} are rejected"

    def _not_refused(self, outcome: object) -> Complaints:
        if isinstance(outcome, DataRefused):
            return
        if isinstance(outcome, Portfolio):
            yield f"it is taken for an account with {len(outcome.positions)} positions"
        else:
            yield f"it crashes with {describe_exception(_error(outcome), self.subject().package)}"


def _has_rejected(outcome: object) -> bool:
    return isinstance(outcome, Portfolio) and bool(outcome.meta.rejected)


def _error(outcome: object) -> BaseException:
    return outcome if isinstance(outcome, BaseException) else TypeError()


def _same_positions(outcome: object, payload: PayloadTree) -> bool:
    return isinstance(outcome, Portfolio) and outcome.positions == payload.portfolio.positions


def _brief(row: Any, other: Any) -> str:
    """The members that differ from the recorded row; the whole where it is not an object."""
    if isinstance(row, dict) and isinstance(other, dict) and row.keys() <= other.keys():
        changed = {name: value for name, value in other.items() if row.get(name) != value}
        return f"whose members are {changed!r}"
    return f"of {other!r}"
