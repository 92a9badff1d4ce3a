"""What `history` and `diff` print: no number is broken by a narrow terminal, and contracts have names that people use."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from msgspec import structs

from variance_bridge import (
    Balances,
    Caution,
    Holding,
    InstrumentType,
    Meta,
    Portfolio,
    Side,
    Snapshot,
)
from variance_bridge.money import Sum
from variance_bridge.reading.freshness import Freshness
from variance_bridge.symbology import parse
from variance_bridge_history.account_comparison import Comparison, State, compare, state_of
from variance_bridge_history.database import Entry
from variance_bridge_history.diff_document import diff_document
from variance_bridge_history.position_changes import Change, Changes, Delivery, Held, Roll
from variance_bridge_history.screen import (
    MAX_LISTED,
    coloured,
    diff_lines,
    history_lines,
    sparkline,
)

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
        "acme a1b2c3d4e5f6***  net liq ▁█",
        "  net liq +$750.50 since 2026-01-16, low $9,500.00, high $10,250.50",
        "  time (UTC)              net liq    open P/L  positions",
        "  2026-01-16 15:00:00   $9,500.00  +$1,055.00          1",
        "  2026-01-16 15:00:00  $10,250.50      -$5.00          1",
    ]


def test_what_is_known_of_a_profit_is_shown_with_how_much_of_it_is_known():
    partly = structs.replace(entry(None, profit="0"), unrealized_pl=None)
    known = Sum(Decimal(4310), 2, 3)
    lines = list(history_lines([partly, entry(None, hours=1)], {}, 80, known=lambda _entry: known))

    assert lines[-2:] == [
        "  2026-01-16 15:00  ~+$4,310.00          1  open P/L of 2 of 3",
        "  2026-01-16 16:00   +$1,055.00          1",
    ]


def test_a_profit_that_is_known_by_now_of_all_positions_is_not_marked():
    kept = structs.replace(entry(None), unrealized_pl=None)
    lines = list(history_lines([kept], {}, 80, known=lambda _entry: Sum(Decimal(5), 3, 3)))
    assert lines[-1] == "  2026-01-16 15:00    +$5.00          1"


def test_a_profit_of_which_nothing_is_known_is_a_dash():
    unknown = structs.replace(entry("5"), unrealized_pl=None)
    lines = list(history_lines([unknown], {}, 80, known=lambda _entry: Sum(None, 0, 3)))
    assert lines[-1] == "  2026-01-16 15:00    $5.00         –          1"


def test_the_label_of_an_account_stands_in_place_of_its_hash_and_is_bold():
    labels = {ACCOUNT: "Roth IRA"}
    first = next(history_lines([entry("5")], {}, 80, labels))
    compared = next(
        diff_lines(
            [
                compare(
                    ACCOUNT,
                    State(fetched_at=NOW, positions=()),
                    State(fetched_at=NOW, positions=()),
                )
            ],
            80,
            labels,
        )
    )

    assert first == "acme Roth IRA"
    assert compared.startswith("Roth IRA  2026-01-16")
    assert coloured(first, labels.values()) == "\x1b[1macme Roth IRA\x1b[0m"
    assert coloured(compared, labels.values()).startswith("\x1b[1mRoth IRA\x1b[0m  2026")


def test_an_account_without_net_liquidity_has_no_column_of_dashes():
    assert lines_of(entry(None, profit="1"), entry(None, profit="-5", hours=1)) == [
        "acme a1b2c3d4e5f6***  open P/L █▁",
        "  open P/L -$6.00 since 2026-01-16, low -$5.00, high +$1.00",
        "  time (UTC)        open P/L  positions",
        "  2026-01-16 15:00    +$1.00          1",
        "  2026-01-16 16:00    -$5.00          1",
    ]


def test_amounts_of_two_currencies_have_no_difference():
    first, second = entry("9500"), structs.replace(entry("9600", hours=1), currency="EUR")
    assert "since" not in "".join(lines_of(first, second))


def test_a_narrow_terminal_keeps_the_table():
    assert lines_of(entry("9500"), entry("10250.5", hours=1), width=40) == [
        "acme a1b2c3d4e5f6***  net liq ▁█",
        "  net liq +$750.50 since 2026-01-16, low",
        "    $9,500.00, high $10,250.50",
        "time (UTC)          net liq   open P/L",
        "2026-01-16 15:00  $9,500.00 +$1,055.00",
        "2026-01-16 16:00 $10,250.50 +$1,055.00",
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


OTHER = "ffffffffffff***"


def of_other(entry, **changes):
    return structs.replace(entry, account_hash=OTHER, sha256=f"other-{entry.sha256}", **changes)


def test_all_accounts_have_a_sum_at_the_end_of_each_day_from_when_all_have_begun():
    assert lines_of(
        entry("100", profit="1"),
        of_other(entry("1000", profit="-3", hours=4)),
        entry("200", profit="2", hours=24),
        entry("250", profit="3", hours=25),
    )[-5:] == [
        "all 2 accounts (1 of them as of 2026-01-16)  net liq ▁█",
        "  net liq +$150.00 since 2026-01-16, low $1,100.00, high $1,250.00",
        "  time (UTC)          net liq  open P/L  positions",
        "  2026-01-16 19:00  $1,100.00    -$2.00          2",
        "  2026-01-17 16:00  $1,250.00     $0.00          2",
    ]


def test_there_is_no_partial_sum_and_it_is_said_which_account_lacks_it():
    lines = lines_of(entry("100", profit="1"), of_other(entry(None, profit="-3", hours=1)))

    assert lines[-4:] == [
        "all 2 accounts",
        "  time (UTC)        open P/L  positions",
        "  2026-01-16 16:00    -$2.00          2",
        f"  no sum of net liq: unknown for {OTHER}",
    ]


def test_accounts_in_two_currencies_have_no_sum_and_it_is_said():
    lines = lines_of(entry("100"), of_other(entry("1000"), currency="EUR"))
    assert lines[-1] == "No sum of all accounts: they are in EUR and USD."
    assert not any("all 2 accounts" in line for line in lines)


def test_accounts_of_each_currency_have_a_sum_of_their_own():
    third = structs.replace(entry("70", hours=1), account_hash="cccccccccccc***", sha256="third")
    lines = lines_of(entry("100"), third, of_other(entry("1000", hours=2), currency="EUR"))
    assert lines[-4:] == [
        "2 accounts in USD",
        "  time (UTC)        net liq    open P/L  positions",
        "  2026-01-16 16:00  $170.00  +$2,110.00          2",
        "No sum of all accounts: they are in EUR and USD.",
    ]


def test_an_account_of_an_earlier_day_counts_and_is_said():
    entries = [entry("100"), of_other(entry("1000", hours=48)), of_other(entry("1100", hours=72))]
    lines = list(history_lines(entries[2:], {}, None, earlier=entries[:2]))

    assert "all 2 accounts (1 of them as of 2026-01-16)" in lines
    assert lines[-1].split()[2] == "$1,200.00"
    assert lines_of(entry("100"))[-1].split()[2] == "$100.00"


@pytest.mark.parametrize(
    ("minutes", "count", "by", "shown"),
    [
        (5, 40, "", 40),
        (5, 41, "hour", 4),
        (5, 300, "hour", 25),
        (60, 300, "day", 13),
        (1440, 90, "day", 40),
    ],
)
def test_a_terminal_shows_the_last_document_of_each_hour_or_day(minutes, count, by, shown):
    entries = [entry(str(n), hours=n * minutes / 60) for n in range(count)]
    lines = lines_of(*entries, width=120)
    rows = [line for line in lines if re.match(r"  20\d\d-", line)]

    assert len(rows) == shown
    assert rows[-1].split()[2] == f"${count - 1}.00"
    assert (f"{count} documents, the last of each {by} shown" in lines[-1]) == bool(by)
    assert len(lines_of(*entries)) == count + 3


def comparison(changes, account=ACCOUNT, **strategies):
    before, after = (State(fetched_at=NOW + timedelta(hours=n), positions=()) for n in (0, 1))
    return Comparison(
        account=account, before=before, after=after, changes=changes, strategies=strategies
    )


WHEN = "2026-01-16 15:00 → 16:00 UTC"
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
    found = [comparison(Changes(changed=(change,)))]
    assert list(diff_lines(found, None)) == [
        f"{ACCOUNT}  {WHEN}",
        f"  changed  {name}: -2 → 0.5",
    ]


def rolled(*symbols, profit=None):
    closed, opened = (
        Held(
            root="SPX", symbol=each, quantity=Decimal(-1), expiration=parse(each).expiration, unrealized_pl=profit
        )
        for each in symbols
    )  # fmt: skip
    return Roll(root="SPX", closed=closed, opened=opened)


@pytest.mark.parametrize(
    ("to", "about"),
    [
        ("SPXW  260220P06800000", "(-1, 35 days later)"),
        ("SPXW  260117P06750500", "(-1, 1 day later, strike -49.5)"),
        ("SPXW  260116P06900000", "(-1, strike +100)"),
    ],
)
def test_a_roll_says_by_how_many_days_and_how_much_of_the_strike(to, about):
    (_heading, line) = diff_lines([comparison(Changes(rolled=(rolled(OPTION, to),)))], None)
    assert line.endswith(about)


def test_a_roll_says_what_the_option_that_was_closed_had_made():
    roll = rolled(OPTION, "SPXW  260220P06800000", profit=Decimal(40))
    (_heading, line) = diff_lines([comparison(Changes(rolled=(roll,)))], None)
    assert line.endswith("(-1, 35 days later, last open P/L +40.00)")


def test_a_position_of_another_size_shows_its_profit():
    change = Change(
        root="Q", symbol="QZZ", before=Decimal(1), after=Decimal(2),
        profit_before=Decimal(5), profit_after=Decimal("7.5"),
    )  # fmt: skip
    (_heading, line) = diff_lines([comparison(Changes(changed=(change,)))], None)
    assert line == "  changed  QZZ: 1 → 2, open P/L +7.50"


def test_a_roll_fits_a_narrow_terminal():
    later = OPTION.replace("260116", "260220")
    roll = rolled(OPTION, later)
    lines = "\n".join(diff_lines([comparison(Changes(rolled=(roll,)), "")], 40)).split("\n")
    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines).split()) == (
        f"{WHEN} rolled SPXW 2026-01-16 6800 put → SPXW 2026-02-20 6800 put (-1, 35 days later)"
    )


def test_a_wide_terminal_gets_a_table_with_headings():
    roll = rolled(OPTION, "SPXW  260220P06750000", profit=Decimal(40))
    gone = Change(
        root="Q", symbol="QZZ", before=Decimal(5), after=Decimal(0), profit_before=Decimal("-2.5")
    )
    found = comparison(Changes(rolled=(roll,), closed=(gone,)), QZZ=("Stock",))
    assert list(diff_lines([found], 90))[1:] == [
        "  change  position                    before  now  open P/L",
        "  closed  QZZ                              5    0     -2.50  in Stock",
        "  rolled  SPXW 2026-01-16 6800 put        -1    0    +40.00  +35 d, strike -50",
        "  rolled  → SPXW 2026-02-20 6750 put       0   -1    +40.00",
    ]
    assert "open P/L" in "".join(diff_lines([found], 40))  # below each other where there is no room


def test_a_table_that_does_not_fit_does_without_the_strategies():
    gone = Change(root="SPX", symbol=OPTION, before=Decimal(-1), after=Decimal(0))
    found = comparison(Changes(closed=(gone,)), **{OPTION: ("Vertical Spread (Put)",)})
    wide, narrow = (list(diff_lines([found], width)) for width in (100, 70))
    assert wide[-1].endswith("in Vertical Spread (Put)")
    assert narrow == [line.partition("  in ")[0].rstrip() for line in wide]


def test_nothing_to_compare_and_nothing_changed_are_said():
    assert list(diff_lines([], 80)) == ["There are not two documents to compare yet."]
    assert list(diff_lines([comparison(Changes())], 80)) == [
        f"{ACCOUNT}  {WHEN}",
        "Nothing changed.",
    ]


def test_an_account_without_changes_says_so_where_another_has_some():
    sold = Change(root="QZZ", symbol="QZZ", before=Decimal(5), after=Decimal(0))
    found = [comparison(Changes()), comparison(Changes(closed=(sold,)), OTHER)]
    assert list(diff_lines(found, None)) == [
        f"{ACCOUNT}  {WHEN}",
        "  nothing changed",
        f"{OTHER}  {WHEN}",
        "  closed   QZZ: 5 → 0",
    ]


def state(worth, profit, *, hours=0, **other):
    held = Holding(
        root="QZZ", symbol="QZZ", type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(1),
        unrealized_pl=Decimal(profit), **other,
    )  # fmt: skip
    moment = NOW + timedelta(hours=hours)
    portfolio = Portfolio(
        meta=Meta(source="acme", fetched_at=moment, account_hash=ACCOUNT, currency="USD"),
        positions=(held,),
        balances=Balances(currency="USD", net_liquidating_value=Decimal(worth), cash=Decimal(0)),
    )
    return state_of(
        Snapshot(
            portfolio=portfolio, freshness=Freshness.FRESH, read_at=moment, age=timedelta(0),
            warnings=(), path=None,
        )
    )  # fmt: skip


def test_the_money_since_stands_beside_the_account():
    found = compare(ACCOUNT, state("1000.10", "-5"), state("1234.56", "7.25", hours=1))

    assert list(diff_lines([found], None)) == [
        f"{ACCOUNT}  {WHEN}  net liq $1,234.56 (+$234.46 since)  open P/L +$7.25 (+$12.25 since)",
        "Nothing changed.",
    ]


def test_money_of_another_currency_is_not_compared():
    found = compare(ACCOUNT, state("1", "5"), state("2", "7", hours=1, currency="EUR"))
    (heading, *_rest) = diff_lines([found], None)

    assert "net liq $2.00 (+$1.00 since)" in heading
    assert "open P/L +€7.00" in heading
    assert heading.count("since") == 2  # of nothing in dollars, that much is known


def test_profits_have_the_sign_of_the_currency_of_the_positions():
    changed = Change(
        root="QZZ",
        symbol="QZZ",
        before=Decimal(5),
        after=Decimal(7),
        profit_before=Decimal(1),
        profit_after=Decimal(2),
    )
    for currencies, shown in ((("EUR", "EUR"), "+€2.00"), (("USD", "EUR"), "+2.00")):
        states = (
            state("1", "5", hours=hours, currency=each) for hours, each in enumerate(currencies)
        )
        found = structs.replace(compare(ACCOUNT, *states), changes=Changes(changed=(changed,)))
        assert list(diff_lines([found], None))[1] == (
            f"  changed  QZZ: 5 → 7, open P/L {shown}  in Stock"
        )


def test_what_looks_assigned_and_its_strategy_stand_in_the_line():
    gone = Change(
        root="SPX", symbol=OPTION, before=Decimal(-1), after=Decimal(0), looks=Delivery.ASSIGNED
    )
    found = comparison(Changes(expired=(gone,)), **{OPTION: ("Short Put",)})

    assert list(diff_lines([found], None))[1] == (
        "  expired  SPXW 2026-01-16 6800 put: -1 → 0, looks assigned  in Short Put"
    )


def test_two_documents_of_one_minute_show_their_seconds():
    found = comparison(Changes())
    found = structs.replace(found, after=State(fetched_at=NOW + timedelta(seconds=7), positions=()))
    assert next(iter(diff_lines([found], None))) == (
        f"{ACCOUNT}  2026-01-16 15:00:00 → 15:00:07 UTC"
    )


def test_the_heading_of_a_diff_is_broken_at_words():
    found = compare(ACCOUNT, state("123456000.10", "-5"), state("987654321.56", "7.25", hours=1))
    lines = list(diff_lines([found], 40))
    assert max(map(len, lines)) <= 40
    words = " ".join(diff_lines([found], None)).split()
    assert " ".join(lines).split() == words


def test_an_account_without_net_liquidity_draws_its_open_profit():
    entries = [entry(None, profit=each, hours=n) for n, each in enumerate(("1", "5", "3"))]
    assert sparkline(entries) == "▁█▄"


def test_what_is_gone_says_its_last_open_profit():
    gone = Change(
        root="QZZ",
        symbol="QZZ",
        before=Decimal(5),
        after=Decimal(0),
        profit_before=Decimal("-12.5"),
    )
    found = structs.replace(
        compare(ACCOUNT, state("1", "-12.5"), state("1", "0")), changes=Changes(closed=(gone,))
    )
    heading, line = diff_lines([found], None)
    assert line.startswith("  closed   QZZ: 5 → 0, last open P/L -$12.50")
    assert heading.endswith("open P/L $0.00 (+$12.50 since)  gone: last open P/L -$12.50")


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        (200, 100, "+$7,500.00 (with the share of 1 position closed in part)"),
        (-200, -50, "+$11,250.00 (with the share of 1 position closed in part)"),
        (3, 2, "+$5,000.00 (with the share of 1 position closed in part)"),
        (200, -100, "+$15,000.00"),  # all of it was closed, and another opened
    ],
)
def test_what_was_closed_in_part_is_in_what_is_gone_by_its_share(before, after, gone):
    reduced = Change(
        root="QZZ",
        symbol="QZZ",
        before=Decimal(before),
        after=Decimal(after),
        profit_before=Decimal(15000),
        profit_after=Decimal(7000),
    )
    found = structs.replace(
        compare(ACCOUNT, state("1", "15000"), state("1", "7000")),
        changes=Changes(changed=(reduced,)),
    )
    assert next(iter(diff_lines([found], None))).endswith(f"gone: last open P/L {gone}")


def test_what_was_added_to_is_not_gone():
    more = Change(
        root="Q", symbol="Q", before=Decimal(1), after=Decimal(2), profit_before=Decimal(9)
    )
    found = structs.replace(
        compare(ACCOUNT, state("1", "9"), state("1", "8")), changes=Changes(changed=(more,))
    )
    assert "gone" not in next(iter(diff_lines([found], None)))


def test_a_terminal_lists_the_first_changes_and_counts_the_others():
    opened = tuple(
        Change(root="Q", symbol=f"Q{n}", before=Decimal(0), after=Decimal(1)) for n in range(1025)
    )
    found = [comparison(Changes(opened=opened))]
    assert len(list(diff_lines(found, None))) == 1026
    *_, last = lines = list(diff_lines(found, 100))
    assert len(lines) == 2 + MAX_LISTED + 1
    assert "and 1,005 more" in last


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("open P/L +$7.25 (-$2.00 since)", "open P/L <+$7.25> (<-$2.00> since)"),
        (
            "  2026-01-16 15:00 UTC  $9.00  +CHF 5.00  1 position",
            "  2026-01-16 15:00 UTC  $9.00  <+CHF 5.00>  1 position",
        ),
        ("16:00 $10,250.50 -$5.00", "16:00 $10,250.50 <-$5.00>"),
        ("  changed  BTC: -0.25 → -0.50", "  <changed>  BTC: -0.25 → -0.50"),
        (
            "  rolled   A → B (-1, last open P/L\n    -$40.00)",
            "  <rolled>   A → B (-1, last open P/L\n    <-$40.00>)",
        ),
        ("acme a1b2c3d4e5f6***  net liq ▁█", "<acme a1b2c3d4e5f6***>  net liq ▁█"),
    ],
)
def test_gains_and_losses_are_coloured_and_quantities_are_not(line, shown):
    marked = re.sub("\x1b\\[0m", ">", coloured(line))
    assert re.sub("\x1b\\[[0-9]+m", "<", marked) == shown


def test_what_looks_closed_has_a_caution_where_the_newer_document_may_lack_rows():
    changes = Changes(
        closed=(Change(root="QZZ", symbol="QZZ", before=Decimal(5), after=Decimal(0)),)
    )
    reason = {Caution.TOTAL_DISAGREES: "the total disagrees"}
    found = comparison(changes)
    assert not any("caution" in line for line in diff_lines([found], None))
    found = structs.replace(found, after=structs.replace(found.after, missing_rows=reason))
    words = "what looks closed may be missing from the newer document: the total disagrees"

    for width in (None, 100):
        line = list(diff_lines([found], width))[1]
        assert line == f"  caution: {words}"
        assert coloured(line) != line
    assert diff_document([found])["cautions"] == [
        {"account_hash": ACCOUNT, "document": "after", "caution": "total_disagrees", "what": words}
    ]
    assert diff_document([comparison(changes)])["cautions"] == []
