"""The screen: the same as the committed ones, whole at any width, harmless whatever a file says."""

from __future__ import annotations

import io
import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from msgspec import structs
from rich.cells import cell_len
from rich.console import Console

from variance_bridge.model import (
    Balances,
    Counts,
    Environment,
    RejectedRow,
    Rejection,
    Status,
)
from variance_bridge.money import Sum
from variance_bridge.symbology import Deliverable
from variance_bridge.terminal import CYAN, RED
from variance_bridge_triage.render.json_report import to_document
from variance_bridge_triage.render.page.html_page import page
from variance_bridge_triage.render.price_range import price_range
from variance_bridge_triage.render.terminal.dashboard import dashboard, render, show
from variance_bridge_triage.render.terminal.strike_line import (
    fits,
    heading,
    scale_of,
    strike_line,
)
from variance_bridge_triage.rules.expected_move import expected_move
from variance_bridge_triage.rules.thresholds import shipped_thresholds

TODAY = date(2025, 12, 22)
SCREENS = Path(__file__).parent / "screens"


@pytest.mark.parametrize("width", [80, 140])
def test_the_screen_is_the_committed_one(account_report, width):
    committed = (SCREENS / f"dashboard_{width}.txt").read_text(encoding="utf-8")
    assert render(account_report, width) == committed


@pytest.mark.parametrize("width", [40, 45, 60, 72, 79, 80, 81, 109, 110, 140, 200])
def test_no_line_is_wider_than_the_terminal(account_report, width):
    assert max(map(cell_len, render(account_report, width).splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 140])
def test_every_cluster_and_reason_is_on_the_screen(account_report, width):
    screen = re.sub(r"\s+", "", render(account_report, width))
    for entry in account_report.entries:
        assert entry.facts.cluster.root in screen
        assert all(word in screen for word in entry.facts.cluster.strategy.split())
        for finding in entry.findings:
            assert finding.action.value in screen
            assert re.sub(r"\s+", "", finding.reason) in screen


def test_actions_stand_before_the_rest(account_report):
    screen = render(account_report, 80)
    headings = ["ACTION REQUIRED", "NOT FULLY JUDGED", "NO ACTION", "EXPIRIES"]
    places = [screen.index(heading) for heading in headings]
    assert places == sorted(places)


def console(**options):
    defaults = {"width": 80, "force_terminal": True, "color_system": "standard"}
    return Console(file=io.StringIO(), **{**defaults, **options})


def test_without_colour_nothing_but_colour_is_missing(account_report):
    coloured, plain = console(), console(no_color=True, color_system=None)
    coloured.print(dashboard(account_report, 80))
    plain.print(dashboard(account_report, 80))
    text = coloured.file.getvalue()
    assert "\x1b[1;31mSIZE_THREAT" in text
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == re.sub(
        r"\x1b\[[0-9;]*m", "", plain.file.getvalue()
    )


def test_a_terminal_of_ascii_gets_ascii(account_report):
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    show(account_report, Console(file=file, width=140))
    file.flush()
    text = raw.getvalue().decode("ascii")
    assert "Short Strangle x2" in text
    assert "-P--" in text
    assert "---o---" in text
    assert "?" not in text


def test_a_terminal_of_unicode_gets_the_dashboard(account_report):
    file = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    show(account_report, Console(file=file, width=140))
    file.seek(0)
    assert "─P─" in file.read()


EVIL = "[red]A\x1b[2J\u202e\u009b31m\r\nB[/red]"


def test_what_a_file_says_is_shown_and_not_obeyed(hold, triaged):
    report = triaged(
        [hold("3 other", root=EVIL, symbol=EVIL)], source=EVIL, account_hash=EVIL, currency=None
    )
    output = console(color_system=None)
    show(report, output)
    text = output.file.getvalue()
    assert "[red]A?[2J" in text
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text.replace("\x1b[", ""))
    assert "\x1b[2J" not in text


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(minutes=12), "12 min old"),
        (timedelta(hours=3, minutes=20), "STALE: 3 h 20 min old"),
        (timedelta(days=2), "TOO OLD: 2 d 0 h old"),
        (timedelta(seconds=-60), "from the future"),
        (timedelta(hours=-1), "TOO OLD: from the future"),
    ],
)
def test_the_age_is_shown(hold, triaged, age, words):
    first = render(triaged([hold("1 stock")], age=age), 80).splitlines()[0]
    assert f"  {words}  " in first


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.COMPLETE, "complete"),
        (Status.PARTIAL, "PARTIAL: 0 REJECTED"),
        (None, "completeness unknown"),
    ],
)
def test_the_status_is_shown(hold, triaged, status, words):
    assert render(triaged([hold("1 stock")], status=status), 80).splitlines()[0].endswith(words)


def test_a_simulation_is_never_taken_for_an_account(hold, triaged):
    def first(environment):
        return render(triaged([hold("1 stock")], environment=environment), 80).splitlines()[0]

    assert "SIMULATOR" in first(Environment.SIMULATOR)
    assert "SANDBOX" in first(Environment.SANDBOX)
    assert "PRODUCTION" not in first(Environment.PRODUCTION)


def test_an_empty_account_says_so(triaged):
    assert " No positions: the account is empty.\n" in render(triaged([]), 80)


def test_an_account_of_which_no_row_could_be_read_is_not_called_empty(triaged):
    counts = Counts(fetched=1, normalized=0, closed=0, rejected=1)
    report = triaged([], status=Status.PARTIAL, counts=counts)
    output = console()
    output.print(dashboard(report, 80))
    assert "\x1b[1;33mNo row could be read: 1 row is unread." in output.file.getvalue()


def test_nothing_to_do_says_so_in_green(triaged, all_known):
    report = triaged(**all_known)
    assert "Nothing needs action.\n" in render(report, 80)
    coloured = console()
    coloured.print(dashboard(report, 80))
    assert "\x1b[1;32mNothing needs action." in coloured.file.getvalue()


def test_the_reason_for_an_action_is_not_dimmed_and_its_legs_are(account_report):
    coloured = console()
    coloured.print(dashboard(account_report, 80))
    text = coloured.file.getvalue()
    assert re.search(r"(?<!m)tested: 455\.30", text)
    assert "\x1b[2m · " in text


def test_what_could_not_be_judged_is_never_nothing(hold, triaged):
    screen = render(triaged([hold("1 stock")]), 80)
    assert "Nothing needs action" not in screen
    assert "No rule asks for action, but 1 of 1 strategy could not be judged fully." in screen
    assert "NOT FULLY JUDGED  1 of 1" in screen
    assert "SIZE_THREAT could not be judged for any strategy." in screen
    assert "it needs the beta-weighted delta of every leg" in " ".join(screen.split())
    coloured = console()
    coloured.print(dashboard(triaged([hold("1 stock")]), 80))
    assert "\x1b[1;33mNo rule asks for action" in coloured.file.getvalue()


def test_rows_that_were_not_read_are_part_of_the_verdict(triaged, all_known):
    counts = Counts(fetched=5, normalized=1, closed=0, rejected=4)
    screen = render(triaged(**{**all_known, "status": Status.PARTIAL, "counts": counts}), 80)
    assert "Nothing in the 1 readable row needs action; 4 rows are unread." in screen
    assert "PARTIAL: 4 REJECTED" in screen


def with_unread_shares(hold, triaged):
    """A short call whose shares are in a row that could not be read, and another root."""
    rejected = [("XYZ", Rejection.QUANTITY_UNREADABLE), (None, Rejection.SYMBOL_UNREADABLE)]
    return triaged(
        [hold("-1 60C 30d"), hold("1 stock", root="ABC")],
        status=Status.PARTIAL,
        rejected=tuple(
            RejectedRow(row=row, symbol=symbol, reason=reason)
            for row, (symbol, reason) in enumerate(rejected, 1)
        ),
        counts=Counts(fetched=4, normalized=2, closed=0, rejected=2),
    )


@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_strategy_whose_root_has_an_unread_row_says_so(hold, triaged, width):
    words = " ".join(render(with_unread_shares(hold, triaged), width).split())
    assert words.count("1 row of XYZ is unread, so this may be another strategy") == 1
    assert "of ABC is unread" not in words


def test_programs_and_the_page_read_of_an_unread_row_of_a_root(hold, triaged):
    report = with_unread_shares(hold, triaged)
    unread = {each["root"]: each["unread_rows"] for each in to_document(report)["clusters"]}
    assert unread == {"XYZ": 1, "ABC": 0}
    assert page(report).decode().count("1 row of XYZ is unread, so this may be") == 1


def test_amounts_of_different_currencies_are_not_added(hold, triaged):
    report = triaged(
        [
            hold("1 stock", root="AAA", unrealized_pl=Decimal(5000), day_pl=Decimal(7)),
            hold("1 stock", root="BBB", unrealized_pl=Decimal(500000), currency="JPY"),
        ]
    )
    screen = render(report, 140)
    assert "Net P/L USD" in screen
    assert "Net P/L JPY" in screen
    assert "+$5,000.00" in screen
    assert "+JPY 500,000.00" in screen
    assert "Day P/L USD" in screen


def test_an_assumed_net_liquidity_is_called_assumed(hold, triaged):
    screen = render(triaged([hold("1 stock")]), 80)
    assert "Losses are measured against $50,000.00, assumed (shipped thresholds)" in screen
    assert "not stated" in screen


def test_the_net_liquidity_of_a_users_file_names_that_file(hold, triaged):
    shipped = shipped_thresholds()
    own = attrs.evolve(shipped, origin="/home/me/triage.toml", states_net_liquidity=True)
    screen = render(triaged([hold("1 stock")], thresholds=own), 120)
    assert "Losses are measured against $50,000.00, from triage.toml\n" in screen
    assert "assumed" not in screen


def test_a_partly_known_profit_is_marked(hold, triaged):
    legs = [hold("-1 105C", unrealized_pl=Decimal(12)), hold("-1 95P")]
    for width in (40, 80, 140):
        screen = render(triaged(legs), width)
        assert "~+$12.00" in screen
        assert "~ what is known of it" in screen


@pytest.mark.parametrize("width", [40, 41, 45, 50, 54, 60, 72, 80, 109, 110, 140])
@pytest.mark.parametrize("currency", ["USD", "CHF"])
def test_money_keeps_every_digit_at_any_width(hold, triaged, width, currency):
    balances = Balances(
        currency=currency,
        net_liquidating_value=Decimal("1234567890.12"),
        cash=Decimal(0),
        buying_power=Decimal("98765432.10"),
    )
    legs = [
        hold("1 stock", unrealized_pl=Decimal("-12345678.9")),
        hold("1 stock", root="ABC", unrealized_pl=Decimal(7)),
    ]
    screen = render(triaged(legs, balances=balances, currency=currency), width)
    unit = {"USD": "$"}.get(currency, f"{currency} ")
    for amount in ("12,345,678.90", "1,234,567,890.12", "98,765,432.10", "7.00"):
        assert unit + amount in screen
    assert max(map(cell_len, screen.splitlines())) <= width


def test_rounded_money_says_so(hold, triaged):
    def screen(profit):
        return render(triaged([hold("1 stock", unrealized_pl=Decimal(profit))]), 80)

    assert "Money is rounded to the cent" in screen("1.005")
    assert "rounded" not in screen("1.01")


@pytest.mark.parametrize("width", [40, 50])
def test_a_narrow_screen_keeps_words_whole(account_report, width):
    screen = render(account_report, width)
    for words in ("Short Strangle", "Covered Call", "Calendar Spread (Call)"):
        assert words in screen


def test_many_expirations_end_in_a_sum(hold, triaged):
    legs = [hold(f"-1 105C {days}d") for days in range(30, 50)]
    assert "8 later expirations, 8 contracts" in render(triaged(legs), 80)


def test_numbers_of_contracts_are_shown_whole_and_apart_from_the_roots(hold, triaged):
    report = triaged([hold("-1270 95P", root="ABC"), hold("1130 90P 60d"), hold("-1 95P 60d")])

    screen = render(report, 80)
    assert "1,270 short         ABC" in screen
    assert "1 short, 1,130 long XYZ" in screen


def test_a_narrow_screen_shows_every_root_of_an_expiration(hold, triaged):
    roots = ["AAPL", "BRK-B", "GOOGL", "/MES", "ABCDEFGHIJ"]
    screen = render(triaged([hold("-1 100P", root=root) for root in roots]), 40)
    ladder = screen.partition("EXPIRIES")[2]
    assert "\u2026" not in ladder
    assert all(root in ladder for root in roots)


def test_a_rule_that_no_strategy_was_judged_by_is_named_once(hold, triaged):
    screen = render(triaged([hold("1 stock", root="AAPL"), hold("1 stock", root="MSFT")]), 40)
    words = " ".join(screen.split())
    assert words.count("SIZE_THREAT could not be judged for any strategy.") == 1
    assert "not judged: " not in words


def test_a_rule_that_only_the_undecided_lack_is_named_in_their_heading(account_report):
    screen = render(account_report, 80)
    assert "for any strategy" not in screen
    assert screen.count("not judged: SIZE_THREAT") == 1


def test_a_rule_that_no_strategy_was_judged_by_is_not_repeated_beside_an_action(hold, triaged):
    screen = render(triaged([hold("-1 95P 0d"), hold("1 stock", root="AAPL")]), 140)
    assert "1 of 2 strategies needs action." in screen
    assert "SIZE_THREAT could not be judged for any strategy." in screen
    assert "SIZE_THREAT" not in screen.partition("ACTION REQUIRED")[2].partition("EXPIRIES")[0]


def test_deltas_that_are_not_weighted_are_not_called_weighted(hold, price, triaged):
    lone = price(hold("-1 95P"), "100", delta="12.34", beta_delta="3")
    others = [price(hold("-1 95P", root=root), "100", delta="345.6") for root in ("ABC", "DEF")]
    screen = render(triaged([lone, *others]), 140)
    heading = next(line for line in screen.splitlines() if "Strategy" in line)
    assert "Beta" not in heading
    assert " +12.3 " in row_of(screen, "XYZ")
    assert " +346 " in row_of(screen, "ABC")
    weighted = render(triaged([lone]), 140)
    assert " +3.0 " in row_of(weighted, "XYZ")
    assert "Price  Beta delta" in weighted


def row_of(screen, root):
    return next(line for line in screen.splitlines() if root in line.split()[:2])


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (80, "Root Strategy DTE P/L P/L %"),
        (140, "Root Strategy DTE P/L P/L % Price Beta delta Theta -10% price +10%"),
    ],
)
def test_every_section_names_its_columns_and_only_some_have_actions(account_report, width, columns):
    lines = [" ".join(line.split()) for line in render(account_report, width).splitlines()]
    assert lines.count(f"Action {columns}") == 1
    assert lines.count(columns) == 2


def test_numbers_stand_below_each_other_in_sections_with_and_without_actions(account_report):
    lines = render(account_report, 140).splitlines()
    assert len({line.index("P/L") for line in lines if "P/L %" in line and "Root" in line}) == 1


def test_a_very_wide_screen_has_all_legs_beside_their_strategies(account_report):
    screen = render(account_report, 190)
    assert "Iron Condor  +1 480P  -1 490P  -1 550C  +1 560C  " in screen
    assert "Calendar Spread (Call)  -1 270C 9 Jan 26  +1 270C 20 Feb 26  " in screen
    assert "Vertical Spread (Put)  +1 5850P  -1 5900P  " in screen


def test_strikes_that_find_no_place_on_a_line_are_listed_and_not_drawn(hold, price, triaged):
    scale = scale_of([], 19)
    drawn = price_range(triaged([price(hold("-1 95P"), "100")]).entries[0].facts)
    many = drawn._replace(strikes=drawn.strikes * 9)
    assert fits(drawn, scale)
    assert not fits(many, scale)


def test_a_wide_screen_shows_price_delta_theta_and_share(account_report):
    row = row_of(render(account_report, 140), "TSLA")
    for number in ("-$1,430.00", "-158%", "455.30", "-140", "+$38.00"):
        assert f" {number} " in row


def test_the_strike_line_shows_strikes_price_and_expected_range(hold, price, triaged):
    legs = [hold("-1 90P"), hold("-1 110C"), hold("1 120C")]
    legs = [price(leg, "100", implied_volatility="0.2") for leg in legs]
    (entry,) = triaged(legs).entries
    drawn = price_range(entry.facts)

    assert [(mark.strike, mark.short) for mark in drawn.strikes] == [
        (90, True),
        (110, True),
        (120, False),
    ]
    # One standard deviation in 30 days at 20 % a year: 100 * 0.2 * sqrt(30 / 365) = 5.73.
    assert [round(float(edge), 2) for edge in drawn.expected] == [94.27, 105.73]
    assert not drawn.tested
    scale = scale_of([drawn], 42)
    assert (scale.reach, scale.width) == (Decimal("0.2"), 41)
    assert strike_line(drawn, scale).plain == "──────────P───━━━━━━●━━━━━━───C─────────c"


def line_of(price, triaged, *legs, underlying="100", scale=None):
    (entry,) = triaged([price(leg, underlying) for leg in legs]).entries
    drawn = price_range(entry.facts)
    return strike_line(drawn, scale or scale_of([drawn], 21)).plain


def test_the_price_on_the_strike_line_is_red_when_a_short_strike_is_tested(hold, price, triaged):
    def dot(underlying):
        (entry,) = triaged([price(hold("-1 90P"), underlying)]).entries
        drawn = price_range(entry.facts)
        line = strike_line(drawn, scale_of([drawn], 20))
        at = line.plain.index("●")
        return next(str(span.style) for span in line.spans if span.start <= at < span.end)

    assert dot("85") == RED.bold
    assert dot("95") == CYAN.bold


def test_all_strike_lines_have_one_scale_with_the_price_in_the_middle(hold, price, triaged):
    drawn = [
        price_range(triaged([price(hold(text), "100")]).entries[0].facts)
        for text in ("-1 98P", "-1 93P", "1 108C")
    ]
    scale = scale_of(drawn, 21)
    assert heading(scale) == "-10%    price    +10%"
    assert [strike_line(each, scale).plain for each in drawn] == [
        "────────P─●──────────",
        "───P──────●──────────",
        "──────────●───────c──",
    ]


def test_a_strike_near_the_price_is_beside_it_and_none_hides_another(hold, price, triaged):
    far = scale_of([], 21)._replace(reach=Decimal("0.1"))
    spread = [hold("1 99.8P"), hold("-1 99.9P")]
    assert line_of(price, triaged, *spread, scale=far) == "────────pP●──────────"
    straddle = [hold("-1 100P"), hold("-1 100C")]
    assert line_of(price, triaged, *straddle, scale=far) == "─────────P●C─────────"


def test_a_strike_beyond_the_scale_is_marked_at_the_end_of_the_line(hold, price, triaged):
    assert line_of(price, triaged, hold("1 50P")) == "<p────────●──────────"
    assert line_of(price, triaged, hold("1 200C"), hold("-1 210C")) == "──────────●───────cC>"
    screen = render(triaged([price(hold("1 50P"), "100")]), 140)
    assert "< > beyond the scale" in screen
    near = render(triaged([price(hold("1 95P"), "100")]), 140)
    assert "beyond the scale" not in near
    assert near.count("P C short put, call") == 1
    assert "standard deviation" not in near
    assert "━ one standard deviation" in render(triaged([at_risk(hold, price, "-1 95P")]), 140)


@pytest.mark.parametrize("change", [{"quote": None}, {"deliverable": Deliverable.ADJUSTED}])
def test_no_strike_line_is_drawn_where_it_would_mislead(hold, price, triaged, change):
    leg = attrs.evolve(price(hold("-1 90P"), "85"), **change)
    (entry,) = triaged([leg]).entries
    assert price_range(entry.facts) is None
    assert "●" not in render(triaged([leg]), 140)


def test_winners_and_losers_are_counted(hold, triaged):
    profits = {"A": "1", "B": "2", "C": "-1", "D": "0", "E": None}
    report = triaged(
        [
            hold("1 stock", root=root, unrealized_pl=each and Decimal(each))
            for root, each in profits.items()
        ]
    )
    screen = render(report, 80)
    assert "Win/lose" in screen
    assert "2 / 1 " in screen
    assert "1 flat, 1 unknown" in screen


def test_the_day_is_shown_where_it_is_known(hold, triaged):
    known = [hold("1 stock", day_pl=Decimal("12.5")), hold("1 stock", root="ABC")]
    assert "+$12.50" in render(triaged(known), 80)
    assert "1 of 2 known" in render(triaged(known), 80)
    assert "Day P/L" not in render(triaged([hold("1 stock")]), 80)


def test_the_share_of_buying_power_that_is_used_is_shown(hold, triaged):
    balances = Balances(
        currency="USD",
        net_liquidating_value=Decimal(100000),
        cash=Decimal(0),
        buying_power=Decimal(60000),
        maintenance_requirement=Decimal(40000),
    )
    assert "40% used" in render(triaged([hold("1 stock")], balances=balances), 80)
    without = attrs.evolve(balances, maintenance_requirement=None)
    assert "used" not in render(triaged([hold("1 stock")], balances=without), 80)


def test_notes_say_how_they_are_settled(hold, price, triaged):
    screen = " ".join(render(triaged([hold("1 stock")]), 80).split())
    assert "set `net_liquidity` under [account] in triage.toml" in screen
    assert "`variance sync --quotes BROKER`" in screen
    assert "[benchmark]" not in screen  # the price alone would settle nothing: the delta is unknown
    weighted = price(hold("100 stock"), beta_delta="9999")
    screen = " ".join(render(triaged([weighted]), 80).split())
    assert "set `price` under [benchmark] in triage.toml" in screen


def test_a_long_name_goes_on_in_the_next_line(hold, triaged):
    legs = ["-20 85P", "20 95P", "20 105C", "-20 110C"]
    screen = render(triaged([hold(leg) for leg in legs]), 42).splitlines()
    line = next(number for number, text in enumerate(screen) if "Reverse Dynamic" in text)
    assert screen[line + 1].strip() == "Iron Condor ×20"
    assert screen[line + 1].index("Iron") == screen[line].index("Reverse")


def test_series_of_an_index_are_distinguished(hold, triaged):
    monthly = hold("1 6800C", root="SPX", symbol="SPX   260121C06800000")
    weekly = hold("-1 6800C", root="SPX", symbol="SPXW  260121C06800000")
    screen = render(triaged([monthly, weekly]), 80)
    assert re.search(r"\+1 6800C( |$)(?! *SPXW)", screen, re.MULTILINE)
    assert "-1 6800C SPXW\n" in screen


def test_a_share_class_is_not_a_series(hold, triaged):
    screen = render(triaged([hold("-1 500C", root="BRK-B")]), 80)
    assert "-1 500C" in screen
    assert "-1 500C BRK" not in screen


def test_on_a_narrow_screen_a_note_stands_below_its_amount(account_report):
    lines = render(account_report, 40).splitlines()
    (at,) = [at for at, line in enumerate(lines) if line.startswith(" Net P/L")]
    assert lines[at].rstrip() == " Net P/L       ~+$21,198.50"
    assert lines[at + 1].rstrip() == "               20 of 21 known"


def test_a_beta_delta_that_is_not_known_names_no_benchmark(account_report):
    totals = structs.replace(account_report.totals, beta_delta=Sum(None, 0, 3))
    without = structs.replace(account_report, totals=totals)
    assert f"– {account_report.benchmark}" not in render(without, 140)
    assert account_report.benchmark in render(account_report, 140).splitlines()[2]


def at_risk(hold, price, text, **changes):
    """An option on an underlying at 100 that moves by 10 in two standard deviations of 30 days."""
    volatility = str(Decimal("0.05") / (Decimal(30) / 365).sqrt())
    leg = price(hold(text), "100", implied_volatility=volatility)
    value = Decimal(100 if leg.side.value == "long" else -100)
    return attrs.evolve(leg, **{"market_value": value, **changes})


def test_the_expiries_are_weighted_by_what_two_standard_deviations_would_cost(hold, price, triaged):
    near, far = at_risk(hold, price, "-1 95P"), at_risk(hold, price, "-2 95P")
    near = attrs.evolve(near, root="ABC", symbol=near.symbol.replace("XYZ", "ABC"))
    later = attrs.evolve(far, expiration=TODAY + timedelta(days=31))
    screen = render(triaged([near, later]), 80)
    lines = screen.partition("EXPIRIES")[2].splitlines()[1:]
    # 500 are lost at 90, less the 100 that the put is worth now.
    assert lines[1].split()[3:6] == ["30d", "-$400.00", "████▌"]
    assert lines[2].split()[4].startswith("-$9")
    assert lines[2].count("█") == 10
    assert "At risk: what a move of 2 standard deviations" in screen


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"deliverable": Deliverable.ADJUSTED}, "adjusted"),
        ({"quote": None}, "price unknown"),
        ({"greeks": None}, "volatility unknown"),
        ({"market_value": None}, "value unknown"),
    ],
)
def test_what_is_not_in_the_risk_of_a_day_is_named_with_the_reason(
    hold, price, triaged, changes, why
):
    known = at_risk(hold, price, "-1 95P", root="ABC", symbol="ABC   260121P00095000")
    screen = render(triaged([at_risk(hold, price, "-1 95P", **changes), known]), 80)
    assert f"~ without what is not counted: XYZ ({why})" in screen
    assert "~-$400.00" in screen
    alone = render(triaged([at_risk(hold, price, "-1 95P", **changes)]), 80)
    assert "At risk" not in alone


def test_a_later_leg_is_counted_with_the_first(hold, price, triaged):
    legs = [at_risk(hold, price, "-1 100C 30d"), at_risk(hold, price, "1 100C 60d")]
    screen = render(triaged(legs), 80)
    assert "– not counted: XYZ (counted on 21 Jan 26)" in screen
    assert "~" not in screen.partition("EXPIRIES")[2]


@pytest.mark.parametrize("width", [40, 80, 100, 140])
def test_a_part_that_comes_to_nothing_is_unknown(hold, triaged, width):
    screen = render(triaged([hold("100 stock"), hold("-1 105C")]), width)
    assert "~" not in screen
    assert "0.00" not in screen.partition("EXPIRIES")[0]
    assert "1 of 2 known" in screen


def test_risks_in_two_currencies_are_not_compared(hold, price, triaged):
    ours = at_risk(hold, price, "-1 95P")
    theirs = at_risk(
        hold, price, "-1 95P", root="ABC", symbol="ABC   260121P00095000", currency="EUR"
    )
    assert "At risk" not in render(triaged([ours, theirs]), 120)


def test_the_last_day_counts_as_a_whole_day(hold, price, triaged):
    leg = at_risk(hold, price, "-1 95P 0d")
    (entry,) = triaged([leg]).entries
    one = expected_move(entry.facts)
    (next_day,) = triaged([at_risk(hold, price, "-1 95P 1d")]).entries
    assert one == expected_move(next_day.facts)


def profits(hold, triaged, **amounts):
    return triaged(
        hold("1 stock", root=root, unrealized_pl=None if each is None else Decimal(each))
        for root, each in amounts.items()
    )


def bars_of(screen):
    part = screen.partition("PROFIT AND LOSS")[2].partition("\n\n")[0]
    return [line for line in part.splitlines() if "│" in line]


def test_profits_are_bars_on_one_scale_with_losses_to_the_left(hold, triaged):
    screen = render(profits(hold, triaged, AAA="300", BBB="-100", CCC="0.01", DDD=None), 100)
    first, tiny, loss = bars_of(screen)
    assert [line.split()[0] for line in (first, tiny, loss)] == ["AAA", "CCC", "BBB"]
    assert len({line.index("│") for line in (first, tiny, loss)}) == 1
    assert first.endswith("│" + "█" * 45)
    assert tiny.endswith("│▌")
    assert loss.endswith("  " + "█" * 15 + "│")
    assert "Not drawn: 1 strategy unknown" in screen


def test_small_profits_are_counted_where_there_are_many(hold, triaged):
    many = {f"R{number:02}": str(number * 10 - 500) for number in range(40, 55)}
    screen = render(profits(hold, triaged, **many), 140)
    assert len(bars_of(screen)) == 12
    assert "Not drawn: 2 smaller, together $0.00" in screen


def test_there_are_no_bars_of_profits_without_room_or_comparison(hold, triaged):
    two = profits(hold, triaged, AAA="300", BBB="-100")
    assert "PROFIT AND LOSS" not in render(two, 71)
    assert "Not shown at this width: profit and loss chart." in " ".join(render(two, 71).split())
    assert "PROFIT AND LOSS" in render(two, 72)
    assert "Not shown" not in render(two, 72)
    assert "PROFIT AND LOSS" not in render(profits(hold, triaged, AAA="300", BBB=None), 140)
    foreign = hold("1 stock", root="BBB", unrealized_pl=Decimal(3), currency="JPY")
    ours = hold("1 stock", root="AAA", unrealized_pl=Decimal(3))
    assert "PROFIT AND LOSS" not in render(triaged([ours, foreign]), 140)


def chart_of(screen: str) -> list[str]:
    """The lines of the chart of strikes, without its heading; nothing where there is none."""
    _before, title, after = screen.partition("PRICE AGAINST STRIKES")
    return after.split("\n\n")[0].splitlines()[1:] if title else []


@pytest.mark.parametrize("width", [40, 60, 80])
def test_where_the_table_has_no_room_for_strikes_they_are_a_chart(account_report, width):
    screen = render(account_report, width)
    scale, *lines = chart_of(screen)
    drawn = [line for line in lines if "─" in line]

    assert "price" in scale
    assert len({line.index("●") for line in drawn}) == 1
    assert len(drawn) == sum(price_range(each.facts) is not None for each in account_report.entries)
    assert max(map(len, drawn)) <= width
    assert "strikes" not in screen.partition("Not shown at this width:")[2]


def test_where_the_table_has_strikes_there_is_no_second_picture_of_them(account_report):
    assert not chart_of(render(account_report, 140))


def test_what_needs_action_is_drawn_first_and_what_is_not_drawn_is_counted(hold, price, triaged):
    many = [price(hold(f"-1 {strike}P 45d", root=f"R{strike}"), "100") for strike in range(80, 94)]
    urgent = price(hold("-1 99P 3d", root="URG"), "100")
    _scale, first, *others = chart_of(render(triaged([*many, urgent]), 50))

    assert first.startswith(" URG Short Put")
    assert sum("─" in line for line in others) == 11
    assert any("Not drawn: 3 other strategies" in line for line in others)


def test_shares_alone_have_no_chart_of_strikes(hold, price, triaged):
    assert not chart_of(render(triaged([price(hold("100 stock"), "100")]), 80))


def test_a_sum_of_which_a_part_is_known_is_marked_beside_the_amount(hold, triaged):
    part = [hold("1 stock", day_pl=Decimal("12.5")), hold("1 stock", root="ABC")]
    whole = [hold("1 stock", day_pl=Decimal("12.5"))]
    assert "~+$12.50" in render(triaged(part), 80)
    assert "~+$12.50" not in render(triaged(whole), 80)
    marked = '<dd class="gain">+$12.50 <small>partial</small></dd>'
    assert marked in page(triaged(part)).decode()
    assert "<small>partial" not in page(triaged(whole)).decode()
