"""Whether `normalize` is a pure function: the same payloads give the same document, and nothing else is touched."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from variance_bridge.document import exact_json
from variance_bridge.document.convert import to_document
from variance_bridge.model import Portfolio
from variance_bridge.testing import separate_process
from variance_bridge.testing.blockade import Kind, blocked_calls
from variance_bridge.testing.case_decorator import Complaints, NotApplicableError, case
from variance_bridge.testing.conformance.conformance_case import ConformanceCase, PayloadTree
from variance_bridge.testing.payloads.changes_over_years import as_number
from variance_bridge.testing.payloads.trees import Place, at, nodes, put
from variance_bridge.testing.recorded_run import AccountRun, completed, run_recording

MAX_TROUBLED = 6
"""Rows that get a number that cannot be read."""


class Purity(ConformanceCase):
    """PURE and DETER."""

    def _impurities(self, kind: Kind) -> Complaints:
        for account_run, payloads in self._with_troubled():
            account_run.normalize(payloads)
            found = blocked_calls(
                partial(account_run.normalize, payloads), kind, package=self.subject().package
            )
            yield from (f"{account_run.name}: {one}" for one in found)

    def _with_troubled(self) -> Iterator[tuple[AccountRun, Mapping[str, Any]]]:
        """Each account with its payloads, and with some of its rows rejected or flagged."""
        for payload in self.payload_trees():
            run = payload.account_run
            yield from ((run, one) for one in (run.raw.payloads, *troubled(payload)))

    @case("PURE-01")
    def test_normalize_uses_no_network(self) -> Complaints:
        """Normalize opens no socket and resolves no name: what it needs, fetch has fetched."""
        yield from self._impurities(Kind.NETWORK)

    @case("PURE-02")
    def test_normalize_touches_no_file(self) -> Complaints:
        """Normalize opens, lists and looks for no file; tables that it keeps after the first call are no matter."""
        yield from self._impurities(Kind.FILES)

    @case("PURE-03")
    def test_normalize_does_not_look_at_the_clock(self) -> Complaints:
        """Normalize reads no clock: the only present is `raw.fetched_at`."""
        yield from self._impurities(Kind.CLOCK)

    @case("PURE-04")
    def test_normalize_draws_no_random_number(self) -> Complaints:
        """Normalize leaves nothing to chance."""
        yield from self._impurities(Kind.RANDOMNESS)

    @case("PURE-05")
    def test_normalize_reads_no_environment(self) -> Complaints:
        """Normalize reads no environment variable: settings come with the context."""
        yield from self._impurities(Kind.ENVIRONMENT)

    @case("PURE-06")
    def test_normalize_starts_no_process_and_no_thread(self) -> Complaints:
        """Normalize starts neither a process nor a thread."""
        yield from self._impurities(Kind.PROCESSES)

    @case("PURE-07")
    def test_normalize_leaves_the_payloads_as_they_were(self) -> Complaints:
        """Normalize changes nothing in the payloads: another look at them sees the same."""
        for account_run in self.account_runs():
            payloads = copy.deepcopy(account_run.fetched)
            account_run.normalize(payloads)
            if payloads != account_run.fetched:
                yield f"{account_run.name}: the payloads are not what they were"

    @case("PURE-08")
    def test_normalize_needs_nothing_that_fetch_left_behind(self) -> Complaints:
        """A broker that has fetched nothing normalizes recorded payloads just as well.

        Keep nothing in `self` between fetch and normalize; what normalize needs belongs into the payloads.
        """
        for run in self.recorded_runs():
            for account_run in run.account_runs:
                fresh = self.subject().broker(run.context)
                outcome = attrs.evolve(account_run, broker=fresh).normalize(
                    account_run.raw.payloads
                )
                if outcome != account_run.portfolio:
                    yield f"{account_run.name}: a new broker makes something else of the same payloads"

    @case("PURE-09")
    def test_the_payloads_can_be_kept(self) -> Complaints:
        """Payloads are JSON or text, as they came, so that they can be recorded and looked at again."""
        for account_run in self.account_runs():
            try:
                exact_json.dumps(account_run.raw.payloads)
            except (TypeError, ValueError) as error:
                yield f"{account_run.name}: {error}"

    @case("DETER-01")
    def test_the_same_payloads_give_the_same_bytes(self) -> Complaints:
        """Normalizing twice gives the same document, byte for byte, with rejected rows and flags too."""
        for account_run, payloads in self._with_troubled():
            first, again = account_run.normalize(payloads), account_run.normalize(payloads)
            if isinstance(first, Portfolio) and self._print(again) != self._print(first):
                yield f"{account_run.name}: the second document differs from the first"

    @case("DETER-02")
    def test_the_order_of_the_rows_does_not_matter(self) -> Complaints:
        """Rows in another order give the same positions."""
        for payload in self.with_rows():
            for rows in payload.lists:
                elements = list(at(payload.sources.tree, rows.place))
                turned = iter([elements[index] for index in reversed(rows.rows)])
                for index in rows.rows:
                    elements[index] = next(turned)
                outcome = payload.renormalized(put(payload.sources.tree, rows.place, elements))
                if not isinstance(outcome, Portfolio):
                    yield f"{payload.name}: with its rows backwards, it is refused"
                elif self._positions(outcome) != self._positions(payload.portfolio):
                    yield f"{payload.name}: with its rows backwards, it holds other positions"

    @case("DETER-03")
    def test_the_same_answers_give_the_same_payloads(self) -> Complaints:
        """A second sync of the same answers fetches the same payloads."""
        for run in self.recorded_runs():
            again = run_recording(self.subject(), run.recording)
            for account_run, second in zip(run.account_runs, again.account_runs, strict=False):
                if account_run.raw.payloads != second.raw.payloads:
                    yield f"{account_run.name}: the second fetch brings other payloads"
            if len(again.account_runs) != len(run.account_runs):
                yield f"{run.recording.name}: the second sync ends otherwise than the first"

    @case("DETER-04")
    def test_another_process_gives_the_same_bytes(self) -> Complaints:
        """Another process, in which sets and hashes have another order, gives the same document in the same order.

        Do not go through a set where the order can be seen; `dict.fromkeys` keeps the order and drops what is double.
        """
        if not self.subject().has_entry_point:
            raise NotApplicableError(
                "no plugin declares the broker, so another process cannot find it"
            )
        trees = {one.account_run.name: one for one in self.payload_trees()}
        payloads = [tuple(troubled(trees[one.name])) for one in self.account_runs()]
        job = separate_process.Job.of(self.subject(), self.recordings(), payloads)
        code, output, error = _in_another_process(pickle.dumps(job))
        if code:
            last = error.strip().splitlines()[-1:] or ["no message"]
            yield f"it does not run in another process: {last[0]}"
        elif output != self._in_this_process(payloads):
            yield "another process gives another document"

    def _in_this_process(self, payloads: Sequence[Sequence[Mapping[str, Any]]]) -> bytes:
        name = self.subject().spec.name
        return b"".join(
            separate_process.prints_of(run, some, name)
            for run, some in zip(self.account_runs(), payloads, strict=True)
        )

    def _print(self, outcome: object) -> bytes:
        return separate_process.fingerprint(outcome, self.subject().spec.name)

    def _positions(self, portfolio: Portfolio) -> object:
        return to_document(completed(portfolio, self.subject().spec.name))["positions"]


def troubled(payload: PayloadTree) -> Iterator[Mapping[str, Any]]:
    """The payloads with two rows that cannot be read, and with a number of each other row that cannot."""
    places = [one for one in payload.row_places() if not payload.sources.is_line(one)]
    if not places:
        return
    tree: Any = payload.sources.tree
    for place in places[:2]:
        tree = put(tree, place, {"garbage": 1})
    yield payload.sources.render(tree)
    tree = payload.sources.tree
    for place in places[:MAX_TROUBLED]:
        tree = next(_flagged(payload, tree, place), tree)
    yield payload.sources.render(tree)


def _flagged(payload: PayloadTree, tree: Any, place: Place) -> Iterator[Any]:
    """The tree with a row that is kept and flagged, because one of its numbers cannot be read."""
    before = payload.renormalized(tree)
    known = len(before.meta.flags) if isinstance(before, Portfolio) else 0
    for inner, value in nodes(at(tree, place), place=place):
        if as_number(value) is not None:
            changed = put(tree, inner, "garbage")
            after = payload.renormalized(changed)
            if isinstance(after, Portfolio) and len(after.meta.flags) > known:
                yield changed


def _in_another_process(job: bytes) -> tuple[int, bytes, str]:
    """Exit code, output and errors of a replay under a hash seed that is not ours."""
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    done = subprocess.run(  # noqa: S603 - our own Python, on the broker under test
        [sys.executable, "-c", separate_process.program(sys.path)],
        input=job,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")
