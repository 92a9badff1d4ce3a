"""Whether what the broker gives is a document of the lingua franca, dated and counted."""

from __future__ import annotations

from datetime import UTC, timedelta

from variance_bridge.document.convert import canonical, from_bytes, to_bytes
from variance_bridge.document.rules.consistency import check_consistency
from variance_bridge.document.schema import check_schema
from variance_bridge.errors import DataRefused
from variance_bridge.formatting import format_age
from variance_bridge.model import Caution, Counts, Portfolio, Timeliness
from variance_bridge.symbology import InstrumentType, SymbolError, parse
from variance_bridge.testing.case_decorator import Complaints, NotApplicableError, case
from variance_bridge.testing.conformance.conformance_case import ConformanceCase, PayloadTree
from variance_bridge.testing.payloads.rows import fetched
from variance_bridge.testing.payloads.sides import amount
from variance_bridge.testing.payloads.trees import again, nodes, shown, take
from variance_bridge.testing.recorded_run import AccountRun, completed

_LISTED = frozenset(
    {
        InstrumentType.STOCK,
        InstrumentType.OPTION,
        InstrumentType.FUTURE,
        InstrumentType.FUTURE_OPTION,
        InstrumentType.CRYPTO,
    }
)

_AT_ONCE = timedelta(minutes=1)
_MAX_AGE_OF_LIVE = timedelta(hours=1)


class Documents(ConformanceCase):
    """DOC, TIME and COUNT: form, time and number of rows."""

    @case("DOC-01")
    def test_each_document_has_the_form_of_the_schema(self) -> Complaints:
        """Every document is valid by the JSON Schema."""
        for account_run in self.account_runs():
            for violation in check_schema(self.document(account_run.portfolio)):
                yield f"{account_run.name}: {violation}"

    @case("DOC-02")
    def test_the_numbers_and_terms_of_each_document_agree(self) -> Complaints:
        """Money is price x quantity x multiplier, and symbols say what the members beside them say."""
        for account_run in self.account_runs():
            document = self.document(account_run.portfolio)
            for violation in [] if check_schema(document) else check_consistency(document):
                yield f"{account_run.name}: {violation}"

    @case("DOC-03")
    def test_each_document_reads_back_as_it_was_written(self) -> Complaints:
        """A document that is written and read again is the same portfolio."""
        for account_run in self.account_runs():
            portfolio = completed(account_run.portfolio, self.subject().spec.name)
            try:
                back, warnings = from_bytes(to_bytes(portfolio))
            except (DataRefused, TypeError, ValueError) as error:
                yield f"{account_run.name}: it cannot be written and read: {error}"
                continue
            if warnings:
                yield f"{account_run.name}: {warnings[0]}"
            if back != canonical(portfolio):
                yield f"{account_run.name}: it reads back as another portfolio"

    @case("DOC-04")
    def test_symbols_are_spelled_in_the_one_canonical_way(self) -> Complaints:
        """Symbol and root are those of `variance_bridge.symbology`; the broker's spelling goes into broker_symbol."""
        for account_run, holding in self.holdings():
            if holding.type not in _LISTED:
                continue
            try:
                instrument = parse(
                    holding.symbol, instrument_type=holding.type, expires_on=holding.expiration
                )
            except SymbolError as error:
                yield f"{account_run.name}: {holding.symbol} is not the symbol of a {holding.type}: {error.reason}"
                continue
            if instrument.symbol != holding.symbol:
                yield f"{account_run.name}: {holding.symbol} is spelled {instrument.symbol}"

    @case("DOC-05")
    def test_what_only_the_core_knows_is_left_to_it(self) -> Complaints:
        """The account hash and the generator are left to the core, and the source is the broker's name."""
        for account_run in self.account_runs():
            meta = account_run.portfolio.meta
            if meta.account_hash is not None or meta.generator is not None:
                yield f"{account_run.name}: normalize sets account_hash or generator"
            if meta.source != self.subject().spec.name:
                yield f"{account_run.name}: meta.source is {meta.source}, not {self.subject().spec.name}"

    @case("DOC-07")
    def test_each_document_states_its_currency(self) -> Complaints:
        """The account's currency is stated, so that money means something."""
        for account_run in self.account_runs():
            if account_run.portfolio.positions and account_run.portfolio.meta.currency is None:
                yield f"{account_run.name}: meta.currency is absent"

    @case("TIME-01")
    def test_the_time_of_the_document_is_before_the_first_request_for_it(self) -> Complaints:
        """`fetched_at` is aware, in UTC, and not after the first request of the fetch; a file's is not after the file.

        Read `context.clock.now()` before the first request, and not when the last answer has come.
        """
        for account_run in self.account_runs():
            moment = account_run.raw.fetched_at
            if moment.tzinfo is None or moment.utcoffset() != UTC.utcoffset(None):
                yield f"{account_run.name}: fetched_at is not in UTC"
            elif moment > account_run.began:
                late = (moment - account_run.began).total_seconds()
                yield f"{account_run.name}: fetched_at is {late:.0f} s after the fetch began"

    @case("TIME-02")
    def test_normalize_keeps_the_time_of_the_fetch(self) -> Complaints:
        """The document's time is that of the raw portfolio."""
        for account_run in self.account_runs():
            if account_run.portfolio.meta.fetched_at != account_run.raw.fetched_at:
                yield f"{account_run.name}: meta.fetched_at differs from the raw portfolio's"

    @case("TIME-03")
    def test_a_state_of_an_earlier_time_says_so(self) -> Complaints:
        """A state of the last close has the time of that close, and one of hours ago does not pass for live.

        Where the broker's answer is a statement of the last close, `timeliness` is `end_of_day`, and `fetched_at` is the time of
        that close; where it is a copy, `delayed` or `end_of_day`, and the time of the copy. Not the moment of the request.
        """
        if self.subject().reads_files:
            raise NotApplicableError("a file is as old as it is")
        for account_run in self.account_runs():
            timeliness = account_run.portfolio.meta.timeliness or Timeliness.LIVE
            age = account_run.began - account_run.raw.fetched_at
            if timeliness is Timeliness.END_OF_DAY and age < _AT_ONCE:
                yield f"{account_run.name}: it is of the end of the day, and has the time of the request"
            if timeliness is Timeliness.LIVE and age > _MAX_AGE_OF_LIVE:
                yield f"{account_run.name}: its state is {format_age(age)} older than the request, and it is called live"

    @case("COUNT-01")
    def test_the_counts_add_up(self) -> Complaints:
        """Rows fetched are rows normalized, closed and rejected, and the document holds so many."""
        for account_run in self.account_runs():
            counts = account_run.portfolio.meta.counts
            if counts is None:
                yield f"{account_run.name}: meta.counts is absent"
                continue
            yield from _wrong_sums(account_run, counts)

    @case("COUNT-02")
    def test_every_row_of_the_answer_is_counted(self) -> Complaints:
        """No element of the broker's list of rows is passed over: it is kept, closed or rejected.

        A row that is not understood goes to `meta.rejected`, or is kept as `other`. For lines that are no positions
        (cash, totals) override `is_position`.
        """
        for payload in self.with_rows():
            for rows in payload.lists:
                for index in rows.others:
                    yield f"{payload.name}: {shown((*rows.place, index))} is not counted"

    @case("COUNT-03")
    def test_each_row_counts_once(self) -> Complaints:
        """Without one row, exactly that one is missing; with a row twice, it is counted twice."""
        for payload in self.with_rows():
            before = fetched(payload.portfolio)
            for place in payload.row_places():
                without = payload.renormalized(take(payload.sources.tree, place))
                twice = payload.renormalized(again(payload.sources.tree, place))
                if isinstance(without, Portfolio):
                    yield from _not_the_others(payload, without, shown(place))
                    if fetched(without) != before - 1:
                        yield f"{payload.name}: without {shown(place)}, {fetched(without)} rows are counted"
                if isinstance(twice, Portfolio) and fetched(twice) != before + 1:
                    yield f"{payload.name}: with {shown(place)} twice, {fetched(twice)} rows are counted"

    @case("COUNT-04")
    def test_a_row_that_comes_twice_stays_two_positions(self) -> Complaints:
        """Lots that the broker lists separately stay separate: a row that comes twice is two positions."""
        for payload in self.with_rows():
            before = len(payload.portfolio.positions)
            for place in payload.row_places():
                without = payload.renormalized(take(payload.sources.tree, place))
                twice = payload.renormalized(again(payload.sources.tree, place))
                if not isinstance(without, Portfolio) or not isinstance(twice, Portfolio):
                    continue
                if len(twice.positions) - before != before - len(without.positions):
                    yield f"{payload.name}: {shown(place)} twice gives {len(twice.positions)} positions"

    @case("COUNT-05")
    def test_a_missing_multiplier_is_flagged(self) -> Complaints:
        """A position whose multiplier is unknown is flagged, and has no money that would need one.

        A total that the broker states needs none: it is among the numbers of the payloads.
        """
        stated = {
            abs(number)
            for payload in self.payload_trees()
            for _place, value in nodes(payload.sources.tree)
            if (number := amount(value)) is not None
        }
        for account_run, holding in self.holdings():
            if holding.multiplier is not None:
                continue
            flags = {
                one.caution
                for one in account_run.portfolio.meta.flags
                if one.symbol == holding.symbol
            }
            if Caution.MULTIPLIER_UNKNOWN not in flags:
                yield f"{account_run.name}: {holding.symbol} has no multiplier, and no flag that says so"
            cost, price = holding.cost_basis, holding.average_price
            if cost is not None and price is not None and (cost not in stated or cost == price):
                yield f"{account_run.name}: {holding.symbol} has a cost without a multiplier"


def _wrong_sums(account_run: AccountRun, counts: Counts) -> Complaints:
    meta = account_run.portfolio.meta
    if counts.fetched != counts.normalized + counts.closed + counts.rejected:
        yield (
            f"{account_run.name}: {counts.fetched} fetched are not {counts.normalized} normalized,"
            f" {counts.closed} closed and {counts.rejected} rejected"
        )
    if counts.normalized != len(account_run.portfolio.positions):
        yield f"{account_run.name}: {counts.normalized} normalized, and {len(account_run.portfolio.positions)} positions"
    if counts.rejected != len(meta.rejected):
        yield f"{account_run.name}: {counts.rejected} rejected, and {len(meta.rejected)} listed in meta.rejected"


def _not_the_others(payload: PayloadTree, without: Portfolio, place: str) -> Complaints:
    before = list(payload.portfolio.positions)
    for holding in without.positions:
        if holding in before:
            before.remove(holding)
        else:
            yield f"{payload.name}: without {place}, {holding.symbol} changes"
