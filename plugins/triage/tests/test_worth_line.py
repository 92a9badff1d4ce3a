"""Net liquidity over time on the page: what is drawn, and what a reader must not conclude from it."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest

from variance_bridge.document.convert import from_bytes, to_bytes
from variance_bridge.model import Balances, Meta, Portfolio, Status
from variance_bridge_history.database import FILE_NAME, open_history
from variance_bridge_triage.command import command
from variance_bridge_triage.render.page.html_page import page
from variance_bridge_triage.render.page.worth_line import (
    MAX_POINTS,
    PastWorth,
    worth_line,
)

ACCOUNT, OTHER = "a1b2c3d4e5f6***", "b2b2b2b2b2b2***"


def balances(amount, currency="USD"):
    return Balances(
        currency=currency, net_liquidating_value=Decimal(amount), cash=Decimal(0), buying_power=None
    )


@pytest.fixture
def report(triaged, hold):
    """Of an account that is worth 1,100.00 now."""
    return triaged([hold("10 stock")], balances=balances(1100), age=timedelta(0))


@pytest.fixture
def before(now):
    """What the account was worth so many days ago."""

    def before(days, amount, currency="USD"):
        return PastWorth(
            moment=now - timedelta(days=days),
            amount=None if amount is None else Decimal(amount),
            currency=currency,
        )

    return before


def test_an_account_without_net_liquidity_draws_its_open_profit(triaged, hold, now):
    report = triaged([hold("10 stock", unrealized_pl=Decimal(20))], age=timedelta(0))
    past = [
        PastWorth(
            moment=now - timedelta(days=days),
            amount=None,
            currency="USD",
            profit=None if profit is None else Decimal(profit),
        )
        for days, profit in ((4, -20), (3, None), (2, 60))
    ]
    line = worth_line(report, past)

    assert line.title == "Open P/L over time"
    assert line.strokes == (((0, 100), (50, 0), (100, 50)),)
    assert (line.high, line.low, line.zero) == ("+$60.00", "-$20.00", 75)
    assert line.rows[-1] == ("Change", "", "+$40.00")
    assert "Not drawn: 1 document without open P/L." in line.caption
    assert "Deposits" not in line.caption
    text = page(report, past={ACCOUNT: past}).decode()
    assert "Open P/L over time" in text
    assert "Net liquidity over time" not in text


def test_the_line_runs_from_the_first_document_to_the_positions_of_the_page(report, before):
    line = worth_line(report, [before(4, 1000), before(2, 1200), before(1, 1000)])
    assert line.strokes == (((0, 100), (50, 0), (75, 100), (100, 50)),)
    assert line.dots == ((Decimal("100.00"), Decimal("50.00")),)
    assert (line.high, line.low) == ("$1,200.00", "$1,000.00")
    assert line.rows == (
        ("First", "18 Dec 25, 10:30", "$1,000.00"),
        ("Highest", "20 Dec 25, 10:30", "$1,200.00"),
        ("Lowest", "18 Dec 25, 10:30", "$1,000.00"),
        ("Last", "22 Dec 25, 10:30", "$1,100.00"),
        ("Change", "+10.0%", "+$100.00"),
    )
    assert "not a return" in line.caption
    assert "does not begin at zero" in line.caption
    assert "Not drawn" not in line.caption


def test_what_the_history_holds_of_this_moment_is_not_drawn_twice(report, before):
    with_now = worth_line(report, [before(4, 1000), before(0, 1100)])
    assert with_now == worth_line(report, [before(4, 1000)])


def test_days_without_a_sync_break_the_line_and_it_is_said(report, before):
    line = worth_line(
        report, [before(40, 900), before(20, 1000), before(19, 1000), before(5, 1000)]
    )
    assert [len(stroke) for stroke in line.strokes] == [2, 2]
    assert line.dots[0] == (0, 100)  # a document that stands alone is seen too
    assert "broken where more than 5 days" in line.caption


def test_unknown_amounts_and_other_currencies_are_left_out_and_counted(report, before):
    past = [before(4, 1000), before(3, None), before(2, 5, "EUR"), before(1, 7, None)]
    line = worth_line(report, past)
    assert line.strokes == (((0, 100), (100, 0)),)
    assert "Not drawn: 1 document without net liquidity and 2 documents not in USD." in line.caption


@pytest.mark.parametrize("known", [[], [(3, None)], [(3, 5, "EUR")]])
def test_there_is_no_line_without_two_known_amounts(report, before, known):
    past = [before(*each) for each in known]
    assert worth_line(report, past) is None
    assert b"Net liquidity over time" not in page(report, past={ACCOUNT: past})


def test_a_level_account_is_a_level_line(report, before):
    assert worth_line(report, [before(1, 1100)]).strokes == (((0, 50), (100, 50)),)


def test_a_scale_that_begins_below_zero_claims_nothing_of_zero(triaged, hold, before):
    owing = triaged([hold("10 stock")], balances=balances(-50), age=timedelta(0))
    line = worth_line(owing, [before(1, -100)])
    assert "zero" not in line.caption
    assert line.rows[-1] == ("Change", "", "+$50.00")


def test_of_many_documents_the_last_of_each_day_is_drawn(report, before):
    past = [before(hours / 24, 1000 + hours) for hours in range(MAX_POINTS + 5, 0, -1)]
    line = worth_line(report, past)
    assert len(line.strokes[0]) < 20
    assert "Of each day the last sync is drawn." in line.caption


def test_a_line_of_many_points_is_on_the_page_whole(report, before):
    past = [before(hours / 24, 1000 + hours) for hours in range(MAX_POINTS - 1, 0, -1)]
    text = page(report, past={ACCOUNT: past}).decode()
    (points,) = re.findall(r'<polyline points="([^"]*)"', text)
    assert len(re.findall(r"[0-9.]+,[0-9.]+ ", points)) == MAX_POINTS
    assert re.sub(r"[0-9., ]", "", points) == ""


@pytest.fixture
def write_page(tmp_path, monkeypatch, invoke, now):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))

    def write_page(*files):
        result = invoke(command, *files, "--html", "page.html", now=now)
        return (tmp_path / "page.html").read_text(), result.stderr

    return write_page


@pytest.fixture
def sync(tmp_path, hold, now):
    """Write a document as the history's listener finds it, and keep it."""

    def sync(amount, *, days, account=ACCOUNT):
        meta = Meta(
            source="acme",
            account_hash=account,
            fetched_at=now - timedelta(days=days),
            currency="USD",
            status=Status.COMPLETE,
        )
        held = (hold("10 stock"),)
        data = to_bytes(Portfolio(meta=meta, positions=held, balances=balances(amount)))
        file = tmp_path / f"live_{account[:4]}.json"
        file.write_bytes(data)
        with open_history(tmp_path / FILE_NAME) as history:
            history.add(from_bytes(data)[0], data)
        return file.name

    return sync


def test_the_page_shows_the_line_of_each_account_that_the_history_knows(sync, write_page):
    sync("1000", days=2)
    files = [sync("1234.50", days=0), sync("5", days=0, account=OTHER)]
    text, err = write_page(*files)
    assert text.count("Net liquidity over time") == 1
    assert "+$234.50" in text
    assert "Warning" not in err


def test_documents_later_than_the_file_are_not_its_past(sync, write_page, tmp_path):
    sync("1000", days=1)
    old = (tmp_path / "live_a1b2.json").read_bytes()
    sync("1234.50", days=0)
    (tmp_path / "live_a1b2.json").write_bytes(old)
    text, _ = write_page("live_a1b2.json", "--any-age")
    assert "Net liquidity over time" not in text
    assert "1,234.50" not in text


def test_a_damaged_history_is_a_warning_and_the_page_is_written(sync, write_page, tmp_path):
    file = sync("1000", days=0)
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all" * 100)
    text, err = write_page(file)
    assert "$1,000.00" in text
    assert "Net liquidity over time" not in text
    assert "the history is damaged" in " ".join(err.split())
