"""An all-clear is never given over what the file itself doubts."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from variance_bridge.model import Balances, Caution, Flag
from variance_bridge_triage.render.page.html_page import page
from variance_bridge_triage.render.terminal.dashboard import render

QUIET = (
    Caution.TIME_FROM_FILE,
    Caution.QUOTE_MISSING,
    Caution.ADJUSTED_DELIVERABLE,
    Caution.MINOR_UNIT,
)


@pytest.mark.parametrize(
    ("caution", "sentence"),
    [
        (Caution.POSSIBLY_TRUNCATED, "Rows may be missing: the source may be cut off."),
        (
            Caution.TOTAL_DISAGREES,
            "Rows may be missing: the source's total is not the sum of its rows.",
        ),
        (
            Caution.BALANCES_DISAGREE,
            "Rows may be missing: the balances do not agree with the positions.",
        ),
    ],
)
def test_a_file_that_may_lack_rows_is_never_all_clear(triaged, all_known, caution, sentence):
    report = triaged(**all_known, flags=(Flag(caution=caution),))
    assert not report.all_clear
    assert report.verdict == ("No rule asks for action.", sentence)
    assert "Nothing needs action" not in render(report, 80)


def test_a_file_that_may_lack_rows_is_not_called_complete(triaged, all_known):
    whole = triaged(**all_known)
    doubted = triaged(**all_known, flags=(Flag(caution=Caution.POSSIBLY_TRUNCATED),))
    assert "complete" in render(whole, 80)
    assert "complete" not in render(doubted, 80)
    assert "ROWS MAY BE MISSING" in render(doubted, 80)
    assert '<span class="fresh">Complete.</span>' in page(whole).decode()
    assert '<strong class="partial">Rows may be missing.</strong>' in page(doubted).decode()


def test_positions_whose_numbers_contradict_each_other_are_counted_once(triaged, all_known):
    flags = (
        Flag(caution=Caution.VALUE_CONTRADICTED, row=2, symbol="XYZ"),
        Flag(caution=Caution.QUOTE_CONTRADICTED, row=2, symbol="XYZ"),
        Flag(caution=Caution.COST_CONTRADICTED, row=3, symbol="ABC"),
    )
    report = triaged(**all_known, flags=flags)
    assert not report.all_clear
    assert report.verdict[1:] == (
        "The numbers of 2 positions are in doubt (cost_contradicted, value_contradicted, quote_contradicted).",
    )


def test_an_account_without_positions_may_have_been_cut_off_too(triaged, all_known):
    known = {**all_known, "positions": [], "balances": None}
    report = triaged(**known, flags=(Flag(caution=Caution.POSSIBLY_TRUNCATED),))
    assert not report.all_clear
    assert report.verdict == (
        "No positions are listed.",
        "Rows may be missing: the source may be cut off.",
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"cash": Decimal(5_000)},
            "The balances say otherwise: the account is worth more or less than its cash.",
        ),
        (
            {"maintenance_requirement": Decimal(700)},
            "The balances say otherwise: margin is required for what it holds.",
        ),
        ({"cash": Decimal(15_000), "pending_cash": Decimal(5_000)}, None),
        ({}, None),
    ],
)
def test_an_empty_account_is_all_clear_unless_its_balances_contradict_it(
    triaged, all_known, changes, sentence
):
    balances = Balances(currency="USD", net_liquidating_value=Decimal(20_000), cash=Decimal(20_000))
    known = {**all_known, "positions": [], "balances": attrs.evolve(balances, **changes)}
    report = triaged(**known)
    assert report.all_clear is (sentence is None)
    assert report.verdict[-1] == (sentence or "No positions: the account is empty.")


@pytest.mark.parametrize("caution", QUIET)
def test_a_caution_that_doubts_no_number_leaves_the_all_clear(triaged, all_known, caution):
    report = triaged(**all_known, flags=(Flag(caution=caution, symbol="XYZ"),))
    assert report.all_clear
    assert report.verdict == ("Nothing needs action.",)


@pytest.fixture
def one_of_two_doubted(hold, triaged):
    """Two shares; the cost and the value of one contradict its profit, and it is flagged twice."""
    return triaged(
        [
            hold("1 stock", unrealized_pl=Decimal(9_700)),
            hold("1 stock", root="ABC", unrealized_pl=Decimal(210)),
        ],
        flags=(
            Flag(caution=Caution.VALUE_CONTRADICTED, row=2, symbol="XYZ"),
            Flag(caution=Caution.COST_CONTRADICTED, row=2, symbol="XYZ"),
            Flag(caution=Caution.SIGN_UNCONFIRMED),
        ),
    )


@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_profit_in_doubt_is_marked_where_it_is_counted(one_of_two_doubted, width):
    words = " ".join(render(one_of_two_doubted, width).split())
    assert words.count("numbers in doubt: cost_contradicted, value_contradicted") == 1
    assert words.count("1 in doubt") == 1


def test_the_page_shows_which_profit_is_in_doubt(one_of_two_doubted):
    text = page(one_of_two_doubted).decode()
    assert text.count("numbers in doubt: cost_contradicted, value_contradicted") == 1
    assert '<dd class="note">1 in doubt</dd>' in text


def test_a_profit_that_is_unknown_is_not_counted_as_one_in_doubt(hold, triaged):
    flags = (Flag(caution=Caution.VALUE_CONTRADICTED, row=1, symbol="XYZ"),)
    screen = render(triaged([hold("1 stock", unrealized_pl=None)], flags=flags), 80)
    assert "numbers in doubt: value_contradicted" in screen
    assert "1 in doubt" not in screen
