"""What holds for every file: a documented error or a portfolio, the same whatever the order of the rows, sign by side."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.broker import Account, RawPortfolio
from variance_bridge.document.convert import in_canonical_order
from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.model import Caution, Portfolio, Side
from variance_bridge.pipeline.contradictory_rows import settle
from variance_bridge_csv.broker import CsvBroker
from variance_bridge_csv.dialect_format import known_dialects
from variance_bridge_csv.file.input import InputFile
from variance_bridge_csv.payload import FileText
from variance_bridge_csv.portfolio import portfolio
from variance_bridge_csv.whole_file import candidate_for

DAY = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
KNOWN = known_dialects.load(None)
DIALECTS = {name: known.dialect for name, known in KNOWN.items()}
SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parent / "files").glob("*.csv"))]


def documents(data):
    """What the broker makes of these bytes, without the file around them."""
    file = InputFile(Path("positions.csv"), "positions.csv", DAY)
    candidate = candidate_for(file, data, DIALECTS)
    table = KNOWN[candidate.dialect.name].table
    parsed = FileText("positions.csv", candidate.text.text, table, DAY.date()).parse()
    return [
        portfolio(parsed, part, fetched_at=DAY, time_caution=Caution.TIME_FROM_FILE)
        for part in parsed.accounts
    ]


def documented(data):
    try:
        found = documents(data)
    except DataRefused:
        return
    for one in found:
        assert isinstance(one, Portfolio)
        counts = one.meta.counts
        assert counts.fetched == counts.normalized + counts.closed + counts.rejected
        whole = attrs.evolve(one, meta=attrs.evolve(one.meta, account_hash="abcdef012345***"))
        # A sync flags what a file states twice before the document is checked.
        assert settle(whole).violations == []


@given(st.binary(max_size=400))
def test_any_bytes_give_a_portfolio_or_a_documented_error(data):
    documented(data)


@given(
    st.text(
        alphabet=st.sampled_from("ab,;\"'\n\r\t=-$()0123456789/.SymbolQuantityTypeCost \ufeffβ"),
        max_size=300,
    )
)
def test_any_text_gives_a_portfolio_or_a_documented_error(text):
    documented(text.encode())


@given(
    sample=st.sampled_from(SAMPLES),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 6), st.binary(max_size=6)), max_size=6
    ),
)
def test_any_damage_to_a_good_file_gives_a_valid_document_or_a_documented_error(sample, edits):
    data = sample
    for place, length, inserted in edits:
        start = int(place * len(data))
        data = data[:start] + inserted + data[start + length :]
    documented(data)


@given(sample=st.sampled_from(SAMPLES), cut=st.floats(0, 1))
def test_a_file_that_is_cut_off_anywhere_gives_a_valid_document_or_a_documented_error(sample, cut):
    documented(sample[: int(cut * len(sample))])


TICKER = st.text("ABCDEFGHJKLMNPQRSTVWXYZ", min_size=2, max_size=4)
PRICE = st.integers(5, 500_000)


@st.composite
def position(draw):
    """A row of a tastytrade export that agrees with itself: quantity, price and cost in cents."""
    quantity = draw(st.integers(1, 50))
    sign = draw(st.sampled_from([1, -1]))
    price, paid = draw(PRICE), draw(PRICE)
    option = draw(st.booleans())
    units = quantity * (100 if option else 1)
    terms = ("2026-03-20", "95", draw(st.sampled_from(["Call", "Put"]))) if option else ("", "", "")
    return {
        "ticker": draw(TICKER),
        "option": option,
        "sign": sign,
        "quantity": quantity,
        "terms": terms,
        "cost": paid * units,
        "value": price * units,
        "price": price,
    }


def money_text(cents):
    sign = "-" if cents < 0 else ""
    return f'"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"'


def row_text(one, sign=1):
    side = one["sign"] * sign
    expiration, strike, right = one["terms"]
    return ",".join(
        [
            "5WX00001",
            one["ticker"],
            "Equity Option" if one["option"] else "Equity",
            str(side * one["quantity"]),
            expiration,
            strike,
            right,
            money_text(side * (one["value"] - one["cost"])),
            money_text(-side * one["cost"]),
            money_text(side * one["price"]),
            money_text(side * one["value"]),
        ]
    )


HEADER = "Account,Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,P/L Open,Cost,Mark,Net Liq"


def holdings(rows):
    (only,) = documents(("\n".join([HEADER, *rows]) + "\n").encode())
    return only


@given(rows=st.lists(position(), min_size=1, max_size=8), shuffle=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, shuffle):
    texts = [row_text(one) for one in rows]
    usual = in_canonical_order(holdings(texts).positions)
    shuffle.shuffle(texts)
    assert in_canonical_order(holdings(texts).positions) == usual


@given(rows=st.lists(position(), min_size=1, max_size=5))
def test_the_other_side_of_a_position_has_the_other_signs_and_the_same_sizes(rows):
    here = holdings([row_text(one) for one in rows]).positions
    there = holdings([row_text(one, sign=-1) for one in rows]).positions
    for one, other in zip(here, there, strict=True):
        assert {one.side, other.side} == {Side.LONG, Side.SHORT}
        assert (one.symbol, one.quantity, one.multiplier) == (
            other.symbol,
            other.quantity,
            other.multiplier,
        )
        assert one.cost_basis == other.cost_basis is not None
        assert one.average_price == other.average_price
        assert one.market_value == other.market_value.copy_negate()
        assert one.unrealized_pl == other.unrealized_pl.copy_negate()
        assert one.quote == other.quote


@given(rows=st.lists(position(), min_size=1, max_size=5))
def test_what_agrees_with_itself_is_never_flagged(rows):
    found = holdings([row_text(one) for one in rows])
    assert [flag.caution.value for flag in found.meta.flags] == ["time_from_file"]


@given(
    payloads=st.dictionaries(
        st.sampled_from(["file", "text", "dialect", "time_from_file"]),
        st.one_of(
            st.none(), st.integers(), st.text(max_size=20), st.booleans(), st.lists(st.none())
        ),
    )
)
def test_a_damaged_recording_is_a_documented_error(payloads):
    raw = RawPortfolio(account=Account(number=""), payloads=payloads, fetched_at=DAY)
    with pytest.raises((DataRefused, ConfigurationError)):
        CsvBroker.normalize(CsvBroker.__new__(CsvBroker), raw)
