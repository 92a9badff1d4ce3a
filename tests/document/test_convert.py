from __future__ import annotations

import gc
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import permutations
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.document import exact_json
from variance_bridge.document.check import check
from variance_bridge.document.convert import (
    canonical,
    from_bytes,
    in_canonical_order,
    instant_text,
    structure,
    to_bytes,
    to_document,
)
from variance_bridge.errors import DataRefused
from variance_bridge.model import (
    Benchmark,
    Caution,
    Counts,
    Flag,
    Meta,
    Portfolio,
    RejectedRow,
    Rejection,
    Timeliness,
)
from variance_bridge.testing.hypothesis_portfolios import holdings, portfolios

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"


@given(portfolios())
def test_a_portfolio_survives_writing_and_reading(portfolio):
    read, warnings = from_bytes(to_bytes(portfolio))

    assert warnings == ()
    assert read == canonical(portfolio)


def test_the_order_of_flags_and_rejected_rows_is_one():
    rejected = [RejectedRow(row=row, reason=Rejection.SYMBOL_MISSING) for row in (1, 7, 10)]
    flags = [
        Flag(caution=Caution.QUOTE_STALE, row=2, symbol="SPY"),
        Flag(caution=Caution.ADJUSTED_DELIVERABLE, row=9, symbol="F"),
        Flag(caution=Caution.POSSIBLY_TRUNCATED),
    ]
    meta = Meta(source="acme", fetched_at=datetime(2026, 1, 15, tzinfo=UTC))
    texts = {
        to_bytes(Portfolio(meta=attrs.evolve(meta, rejected=tuple(some), flags=tuple(others))))
        for some, others in zip(permutations(rejected), permutations(flags), strict=True)
    }
    assert len(texts) == 1


@given(portfolios())
def test_every_generated_portfolio_is_valid(portfolio):
    assert check(to_document(portfolio)) == []


@given(portfolios(), st.randoms(use_true_random=False))
def test_the_order_of_the_source_does_not_change_a_byte(portfolio, chance: random.Random):
    shuffled = list(portfolio.positions)
    chance.shuffle(shuffled)

    assert to_bytes(attrs.evolve(portfolio, positions=tuple(shuffled))) == to_bytes(portfolio)


@given(st.lists(holdings(), max_size=6))
def test_ordering_neither_loses_nor_merges_a_position(positions):
    twice = [*positions, *positions]

    assert sorted(map(repr, in_canonical_order(twice))) == sorted(map(repr, twice))


@pytest.mark.parametrize(
    "name",
    [
        "rfc.json",
        "full.json",
        "empty.json",
        "benchmark.json",
        "position_file.json",
        "exchange_rates.json",
    ],
)
def test_a_published_example_reads_and_writes_to_a_stable_text(name):
    portfolio, _ = from_bytes((EXAMPLES / name).read_bytes())
    written = to_bytes(portfolio)

    assert to_bytes(from_bytes(written)[0]) == written


def test_38_digits_survive_a_portfolio():
    document = exact_json.loads((EXAMPLES / "rfc.json").read_bytes())
    exact = Decimal("12345678901234567890123456789012345.678")
    document["positions"][0]["cost_basis"] = exact

    read, _ = from_bytes(to_bytes(structure(document)))

    assert read.positions[0].cost_basis == exact


def test_unknown_is_left_out_and_zero_is_written():
    meta = Meta(
        source="acme",
        fetched_at=datetime(2026, 3, 2, tzinfo=UTC),
        account_hash="abcd***",
        counts=Counts(fetched=0, normalized=0, closed=0, rejected=0),
    )
    document = to_document(Portfolio(meta=meta))

    assert document["positions"] == []
    assert document["meta"]["counts"]["closed"] == 0
    assert "balances" not in document
    assert "rejected" not in document["meta"]
    assert None not in document["meta"].values()


def test_schema_version_is_always_written_and_absent_reads_as_1_0():
    read, _ = from_bytes((EXAMPLES / "rfc.json").read_bytes())

    assert read.meta.schema_version == "1.0"
    assert next(iter(to_document(read)["meta"].items())) == ("schema_version", "1.0")


def test_a_portfolio_is_written_in_version_1_1():
    document = to_document(
        Portfolio(meta=Meta(source="acme", fetched_at=datetime(2026, 3, 2, tzinfo=UTC)))
    )

    assert document["meta"]["schema_version"] == "1.1"


def test_what_1_1_added_is_read_and_written_again():
    data = (EXAMPLES / "benchmark.json").read_bytes()
    read, warnings = from_bytes(data)

    assert warnings == ()
    assert read.meta.benchmark == Benchmark(
        symbol="SPY",
        price=Decimal("680.25"),
        as_of=datetime(2026, 12, 1, 14, 49, tzinfo=UTC),
        source="acme",
    )
    assert read.meta.timeliness is Timeliness.DELAYED
    assert read.balances.pending_cash == -500
    assert (read.positions[0].quote.iv_rank, read.positions[0].quote.iv_percentile) == (
        Decimal("31.25"),
        Decimal("44.5"),
    )
    assert to_document(read) == exact_json.loads(data)


def later_document(version: str) -> dict:
    document = exact_json.loads((EXAMPLES / "full.json").read_bytes())
    document["meta"]["schema_version"] = version
    document["meta"]["mood"] = "bright"
    document["positions"][0]["margin"] = {"initial": 1}
    document["positions"][1]["type"] = "swap_option"
    document["meta"]["flags"].append({"caution": "invented_later"})
    document["meta"]["rejected"][0]["reason"] = "invented_later"
    document["meta"]["via"].append("pigeon")
    return document


def test_a_later_minor_version_is_read_without_what_is_unknown_and_with_one_warning():
    read, warnings = from_bytes(exact_json.dumps(later_document("1.7")))

    assert len(warnings) == 1
    assert len(read.positions) == 8
    assert read.positions[1].type.value == "other"
    assert len(read.meta.flags) == 2
    assert read.meta.rejected[0].reason.value == "unreadable_row"
    assert [route.value for route in read.meta.via] == ["proxy"]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_the_same_members_in_a_document_of_a_known_version_are_refused(version):
    with pytest.raises(DataRefused, match="not valid"):
        from_bytes(exact_json.dumps(later_document(version)))


def test_another_major_version_is_refused_by_name():
    with pytest.raises(DataRefused, match=r"version 2\.0"):
        from_bytes(exact_json.dumps(later_document("2.0")))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["meta", "positions", "schema_version", "source"]), inner
            )
        ),
    )
)
def test_any_json_is_read_or_refused(value):
    try:
        from_bytes(exact_json.dumps(value))
    except DataRefused:
        pass


def test_times_are_written_in_utc_with_z():
    moment = datetime(2026, 3, 2, 10, 4, 5, tzinfo=timezone(timedelta(hours=-5)))

    assert instant_text(moment) == "2026-03-02T15:04:05Z"


def test_a_time_without_a_zone_cannot_be_written():
    with pytest.raises(ValueError, match="zone"):
        instant_text(datetime(2026, 3, 2))


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("data", [(EXAMPLES / "full.json").read_bytes(), b"{}"])
def test_reading_leaves_the_collector_of_cycles_as_it_was(enabled, data):
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with suppress(DataRefused):
            from_bytes(data)
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_threads_that_read_at_once_leave_the_collector_running():
    data = (EXAMPLES / "full.json").read_bytes()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(from_bytes, [data] * 200))

    assert gc.isenabled()
