"""`variance triage` over several files: each account by itself, sums by currency, and nothing missing without a word."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from click import UsageError

from variance_bridge import PositionsTooOld
from variance_bridge.document.convert import to_bytes
from variance_bridge.document.exact_json import loads
from variance_bridge.model import Meta, Portfolio, Quote
from variance_bridge_triage.command import command

IRA, TAXED, EURO = "a1a1a1a1a1a1***", "b2b2b2b2b2b2***", "c3c3c3c3c3c3***"


@pytest.fixture
def write(tmp_path, monkeypatch, hold, now):
    """Write a positions file with a short call that has earned most of its credit, and 100 shares."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))

    def write(name, account, *, profit="300.25", currency="USD", age=timedelta(minutes=5)):
        held = (
            hold("-1 105C 45d", cost_basis=Decimal("400.50"), unrealized_pl=Decimal(profit)),
            hold("100 stock", root="ABC", unrealized_pl=Decimal("1.05")),
        )
        meta = Meta(source="acme", account_hash=account, fetched_at=now - age, currency=currency)
        (tmp_path / name).write_bytes(to_bytes(Portfolio(meta=meta, positions=held)))
        return name

    return write


@pytest.fixture
def triage(invoke, now):
    def triage(*arguments):
        result = invoke(command, *arguments, now=now)
        return result.return_value, result.stdout, result.stderr

    return triage


def test_accounts_stand_side_by_side_and_only_profits_are_added_up(write, triage):
    write("ira.json", IRA)
    write("taxed.json", TAXED, profit="-20.50")
    write("euro.json", EURO, currency="EUR", profit="7")
    code, out, _ = triage("ira.json", "taxed.json", "euro.json", "--json")
    book = loads(out)

    assert code == 0
    assert [each["account_hash"] for each in book["sources"]] == [IRA, TAXED, EURO]
    assert book["totals_by_currency"]["USD"]["net_pl"] == Decimal("281.85")
    assert book["totals_by_currency"]["EUR"]["net_pl"] == Decimal("8.05")
    short_calls = [each for each in book["clusters"] if each["root"] == "XYZ"]
    assert [each["account_hash"] for each in short_calls] == [IRA, TAXED, EURO]
    assert "meta" not in book
    assert "totals" not in book


def test_what_is_said_of_all_accounts_is_said_once_and_counts_over_all_of_them(write, triage):
    write("ira.json", IRA)
    write("taxed.json", TAXED)
    out = " ".join(triage("ira.json", "taxed.json")[1].split())

    assert out.count("SIZE_THREAT not judged for") == 1
    assert "SIZE_THREAT not judged for 4 of 4 strategies" in out
    assert out.count("Losses are measured against") == 1
    assert out.count("Positions: fresh up to") == 1
    assert out.index("NOTES ON ALL ACCOUNTS") > out.rindex("***")


def test_an_export_is_named_by_its_file_at_the_head_of_its_dashboard(tmp_path, write, triage):
    (tmp_path / "mine.csv").write_text(
        "Symbol,Type,Quantity,Multiplier,Average Price,Mark,Unrealized P/L\nXYZ,stock,100,1,48,52,400\n"
    )
    screen = triage("mine.csv", "--any-age")[1]
    assert screen.startswith(" csv  mine.csv ")


def test_one_file_has_its_meta_and_totals_besides(write, triage):
    book = loads(triage(write("ira.json", IRA), "--json")[1])

    assert book["meta"]["account_hash"] == IRA
    assert book["totals"]["net_pl"] == book["totals_by_currency"]["USD"]["net_pl"]
    assert [each["file"] for each in book["sources"]] == ["ira.json"]


def test_a_file_that_cannot_be_read_is_an_entry_and_makes_the_exit_its_own(write, triage):
    write("ira.json", IRA)
    write("old.json", TAXED, age=timedelta(days=3))
    code, out, err = triage("ira.json", "old.json", "missing.json", "--json")
    book = loads(out)

    assert code == 7
    assert [("error" in each) for each in book["sources"]] == [False, True, True]
    assert book["totals_by_currency"]["USD"]["net_pl"] == Decimal("301.30")
    assert err.count("not read") == 2
    assert triage("ira.json", "missing.json", "--json")[0] == 6
    assert triage("ira.json", "old.json", "--json", "--partial")[0] == 0
    assert triage("ira.json", "old.json", "--json", "--any-age")[0] == 0
    assert "1 of 2 accounts" in triage("ira.json", "old.json")[1]


def test_a_single_file_that_cannot_be_read_is_an_entry_too(write, triage):
    write("old.json", IRA, age=timedelta(days=3))
    code, out, err = triage("old.json", "--json")
    book = loads(out)
    (source,) = book["sources"]

    assert (code, source["exit"], source["account_hash"]) == (7, 7, IRA)
    assert "limit is 24 h" in source["error"]
    assert (book["clusters"], book["accounts"]) == ([], {"counted": 0, "of": 1})
    assert "not read" in err
    assert triage("old.json", "--json", "--partial")[0] == 0
    assert "0 of 1 account" in triage("old.json", "--partial")[1]
    assert triage("missing.json", "--json")[0] == 6
    with pytest.raises(PositionsTooOld):
        triage("old.json")


def test_of_two_files_of_one_account_the_newer_counts(write, triage):
    write("new.json", IRA)
    write("before.json", IRA, profit="1", age=timedelta(minutes=30))
    for order in (("new.json", "before.json"), ("before.json", "new.json")):
        code, out, err = triage(*order, "--json")
        book = loads(out)
        older = next(each for each in book["sources"] if each["file"] == "before.json")

        assert code == 0
        assert older["replaced_by"] == "new.json"
        assert book["totals_by_currency"]["USD"]["net_pl"] == Decimal("301.30")
        assert len(book["clusters"]) == 2
        assert "not counted" in err


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [("HARVEST", 9), ("expiring, harvest", 9), ("any", 9), ("ANY", 9), ("DEFENSE", 0)],
)
def test_an_action_that_is_asked_for_is_exit_9(write, triage, fail_on, code):
    assert triage(write("ira.json", IRA), "--fail-on", fail_on)[0] == code


def test_an_unknown_action_is_a_usage_error_with_the_nearest_name(write, triage):
    with pytest.raises(Exception, match="HARVEST"):
        triage(write("ira.json", IRA), "--fail-on", "HARVST")


@pytest.mark.parametrize("fail_on", ["", " , "])
def test_fail_on_without_an_action_is_a_usage_error(write, triage, fail_on):
    with pytest.raises(UsageError, match="names no action"):
        triage(write("ira.json", IRA), "--fail-on", fail_on)


def test_a_page_of_several_files_has_the_sums_and_then_each_account(write, triage, tmp_path):
    page = tmp_path / "page.html"
    triage(write("ira.json", IRA), write("taxed.json", TAXED, profit="-20.50"), "--html", page)

    text = page.read_text()
    assert "<p>2 accounts</p>" in text
    assert text.index("+$281.85") < text.index(IRA) < text.index(TAXED)


def test_the_screen_has_the_sums_and_then_each_account(write, triage):
    out = triage(write("ira.json", IRA), write("taxed.json", TAXED, profit="-20.50"))[1]

    assert "ALL ACCOUNTS: 2 accounts" in out
    assert "Open P/L +$281.85" in out
    assert out.index(IRA) < out.index(TAXED)
    before = out[: out.index(TAXED)].splitlines()
    assert not before[-2].strip()  # an empty line between two accounts


@pytest.fixture
def lending(tmp_path, write, hold, now):
    """Two accounts: a short call whose underlying only the other account prices."""
    write("ira.json", IRA)

    def lending(*, currency="USD", age=timedelta(minutes=20)):
        share = hold("1 stock", root="XYZ", quote=Quote(mark=Decimal("101.25")))
        meta = Meta(source="other", account_hash=TAXED, fetched_at=now - age, currency=currency)
        (tmp_path / "taxed.json").write_bytes(to_bytes(Portfolio(meta=meta, positions=(share,))))
        return "ira.json", "taxed.json"

    return lending


def test_a_price_of_another_account_is_shown_and_marked_and_no_rule_uses_it(lending, triage):
    files = lending()
    screen = triage(*files)[1]
    assert "101.25*" in screen
    assert "* price of XYZ: of another account of the same day; no rule uses it" in screen

    triage(*files, "--html", "page.html")
    page = Path("page.html").read_text()
    assert "101.25*" in page
    book = loads(triage(*files, "--json")[1])
    of_call = [each for each in book["clusters"] if each["account_hash"] == IRA]
    assert {each["root"]: each["underlying_price"] for each in of_call}["XYZ"] is None


@pytest.mark.parametrize(
    "other", [{"currency": "EUR"}, {"currency": None}, {"age": timedelta(hours=20)}]
)
def test_no_price_is_lent_across_days_or_currencies(lending, triage, other):
    assert "101.25*" not in triage(*lending(**other))[1]
