"""Whatever a valid file holds, the triage shows it: no number, text or gap stops it."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from variance_bridge.document.exact_json import dumps
from variance_bridge.formatting import money, number, price, quantity
from variance_bridge.model import Greeks, Quote
from variance_bridge_triage.render.json_report import to_document
from variance_bridge_triage.render.page.html_page import page
from variance_bridge_triage.render.terminal.dashboard import render

extreme = st.sampled_from(["0", "1", "-1", "1e-30", "-3.3e40", "9" * 60, "0.1234567890123456789"])
numbers = st.none() | extreme.map(Decimal)
above_zero = st.sampled_from(["1", "0.00000000000000000001", "1e30", "3"]).map(Decimal)
texts = st.sampled_from(
    ["105C 45d", "95P 45d", "95P -400d", "stock", "future", "other", "cash", "105C 0d"]
)
roots = st.sampled_from(["XYZ", "SPY", "日本語", "[b]", "A" * 60, "\x1b[2J", "é\u0301"])


@st.composite
def positions(draw, hold):
    held = hold(f"{draw(st.sampled_from(['1', '-1']))} {draw(texts)}", root=draw(roots))
    greeks = Greeks(**{name: draw(numbers) for name in ("delta", "gamma", "theta", "beta_delta")})
    return attrs.evolve(
        held,
        quantity=draw(above_zero),
        cost_basis=abs(draw(extreme.map(Decimal))),
        unrealized_pl=draw(numbers),
        quote=Quote(underlying_price=draw(numbers), mark=draw(numbers)),
        greeks=greeks,
    )


@pytest.mark.slow
@given(st.data())
def test_any_positions_are_shown(hold, triaged, data):
    report = triaged(data.draw(st.lists(positions(hold), max_size=5)))
    screen = render(report, 80)
    assert max(map(cell_len, screen.splitlines())) <= 80
    assert page(report).endswith(b"</html>\n")
    assert dumps(to_document(report)).endswith(b"}\n")


def test_numbers_of_any_length_keep_their_digits():
    long = Decimal("1" * 50 + ".5")
    assert number(long, 1).replace(",", "") == "1" * 50 + ".5"
    assert quantity(long).replace(",", "") == "1" * 50 + ".5"
    assert price(long).replace(",", "") == "1" * 50 + ".50"
    assert money(Decimal(f"-{long}"), "USD").replace(",", "") == "-$" + "1" * 50 + ".50"


def test_a_rounded_zero_has_no_sign():
    assert number(Decimal("-0.4"), sign=True) == "0"
    assert money(Decimal("-0.004"), "USD", sign=True) == "$0.00"
