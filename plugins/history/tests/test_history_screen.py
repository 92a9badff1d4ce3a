"""What `history` and `diff` print: no number is broken by a narrow terminal, and contracts have names that people use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from variance_bridge_history.changes import Change, Changes, Held, Roll
from variance_bridge_history.screen import diff_lines, history_lines, sparkline
from variance_bridge_history.store import Entry

NOW = datetime(2026, 1, 16, 15, tzinfo=UTC)
ACCOUNT = "a1b2c3d4e5f6***"


def entry(worth, *, profit="1055", hours=0):
    return Entry(
        sha256=f"{worth}-{hours}",
        account_hash=ACCOUNT,
        source="acme",
        fetched_at=NOW + timedelta(hours=hours),
        status="complete",
        positions=1,
        currency="USD",
        unrealized_pl=Decimal(profit),
        net_liquidating_value=None if worth is None else Decimal(worth),
    )


def lines_of(*entries, width=None):
    return list(history_lines(entries, {each.sha256: None for each in entries}, width))


def test_amounts_stand_below_each_other():
    assert lines_of(entry("9500"), entry("10250.5", profit="-5")) == [
        "acme a1b2c3d4e5f6***  ▁█",
        "  2026-01-16 15:00Z  net liq  $9,500.00  open P/L +$1,055.00  1 position",
        "  2026-01-16 15:00Z  net liq $10,250.50  open P/L     -$5.00  1 position",
    ]


@pytest.mark.parametrize("width", [40, 60, 80])
def test_no_terminal_breaks_a_number(width):
    lines = lines_of(entry("123456789.12"), entry(None), width=width)
    assert max(map(len, lines)) <= width
    assert sum("$123,456,789.12" in line for line in lines) == 1
    assert sum("+$1,055.00" in line for line in lines) == 2


def test_many_documents_have_a_line_of_some_and_of_the_last():
    bars = sparkline([entry(value, hours=value) for value in range(1000)])
    assert len(bars) <= 36
    assert bars[-1] == "█"
    assert list(bars) == sorted(bars)


OPTION = "SPXW  260116P06800000"


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("QZZ", "QZZ"),
        ("a private fund", "a private fund"),
        (OPTION, "SPXW 2026-01-16 6800 put"),
        ("BABA2 260116C00047500", "BABA2 2026-01-16 47.5 call adj"),
        ("./ESH6 EW3F6 260116P6000", "/ESH6 EW3F6 2026-01-16 6000 put"),
    ],
)
def test_contracts_are_named_as_on_the_screen(symbol, name):
    change = Change(root="Q", symbol=symbol, before=Decimal(-2), after=Decimal("0.50"))
    found = [(ACCOUNT, Changes(changed=(change,)))]
    assert list(diff_lines(found, None)) == [ACCOUNT, f"  changed  {name}: -2 → 0.5"]


def test_a_roll_fits_a_narrow_terminal():
    later = OPTION.replace("260116", "260220")
    closed, opened = (
        Held(root="SPX", symbol=each, quantity=Decimal(-1)) for each in (OPTION, later)
    )
    roll = Roll(root="SPX", closed=closed, opened=opened)
    lines = "\n".join(diff_lines([("", Changes(rolled=(roll,)))], 40)).split("\n")
    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines).split()) == (
        "rolled SPXW 2026-01-16 6800 put → SPXW 2026-02-20 6800 put (-1)"
    )


def test_nothing_to_compare_and_nothing_changed_are_said():
    assert list(diff_lines([], 80)) == ["There are not two documents to compare yet."]
    assert list(diff_lines([(ACCOUNT, Changes())], 80)) == ["Nothing changed."]
