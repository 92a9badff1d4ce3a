"""Empty is never a guess, and one state of the world never passes for another."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from variance_bridge.model import (
    Balances,
    Caution,
    Counts,
    Environment,
    Flag,
    Holding,
    Meta,
    Portfolio,
    RejectedRow,
    Rejection,
    Side,
    Status,
)
from variance_bridge.pipeline.overwrite import Judgement, Verdict, judge_overwrite
from variance_bridge.symbology import InstrumentType

TODAY = datetime(2025, 12, 19, 15, 0, tzinfo=UTC)
YESTERDAY = TODAY - timedelta(days=1)


def holdings(count, kind=InstrumentType.STOCK, side=Side.LONG):
    return tuple(
        Holding(root=f"R{n}", symbol=f"R{n}", type=kind, side=side, quantity=Decimal(n + 1))
        for n in range(count)
    )


def money(worth, cash, margin=None, pending=None):
    return Balances(
        pending_cash=None if pending is None else Decimal(pending),
        currency="USD",
        net_liquidating_value=Decimal(worth),
        cash=Decimal(cash),
        maintenance_requirement=None if margin is None else Decimal(margin),
    )


def portfolio(
    count=0,
    *,
    at=TODAY,
    kind=InstrumentType.STOCK,
    balances=None,
    rejected=0,
    source="acme",
    account="a1b2c3d4e5f6***",
    environment=Environment.PRODUCTION,
):
    rows = tuple(
        RejectedRow(row=n + 1, reason=Rejection.SYMBOL_UNREADABLE) for n in range(rejected)
    )
    counts = Counts(fetched=count + rejected, normalized=count, closed=0, rejected=rejected)
    meta = Meta(
        source=source,
        fetched_at=at,
        account_hash=account,
        environment=environment,
        counts=counts,
        rejected=rows,
    )
    return Portfolio(meta=meta, positions=holdings(count, kind), balances=balances)


def is_refused(judgement, *words):
    assert judgement.verdict is Verdict.REFUSE
    assert judgement.hint
    assert judgement.warnings == ()
    for word in words:
        assert word in judgement.reason
    return True


def is_accepted(judgement, *warnings):
    assert judgement.verdict is Verdict.ACCEPT
    assert judgement.reason == ""
    assert len(judgement.warnings) == len(warnings)
    for text, word in zip(judgement.warnings, warnings, strict=True):
        assert word in text
    return True


@pytest.mark.parametrize("count", [0, 1, 40])
def test_where_there_is_no_file_everything_is_accepted(count):
    assert judge_overwrite(None, portfolio(count)) == Judgement()


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0, 9), (1, 1), (5, 2), (5, 50), (40, 9)])
def test_an_ordinary_change_is_accepted(before, after):
    assert judge_overwrite(portfolio(before, at=YESTERDAY), portfolio(after)) == Judgement()


def test_an_empty_answer_without_balances_never_replaces_positions():
    judgement = judge_overwrite(portfolio(3, at=YESTERDAY), portfolio(0))
    assert is_refused(judgement, "3 positions", "no balances")
    assert "--allow-empty" in judgement.hint


def test_an_empty_answer_that_the_balances_agree_with_is_fetched_twice_and_accepted():
    old, new = portfolio(1, at=YESTERDAY), portfolio(0, balances=money("1250.40", "1250.40"))
    assert judge_overwrite(old, new).verdict is Verdict.CONFIRM
    assert is_accepted(judge_overwrite(old, new, confirmation=new), "second fetch confirmed")


def test_an_empty_answer_that_a_second_fetch_contradicts_is_refused():
    old, new = portfolio(3, at=YESTERDAY), portfolio(0, balances=money("1250.40", "1250.40"))
    assert is_refused(judge_overwrite(old, new, confirmation=portfolio(3)), "other rows")


@pytest.mark.parametrize(
    ("worth", "cash", "margin", "doubt"),
    [
        ("1250.40", "1250.41", None, None),
        ("1250.41", "1250.40", "0.00", None),
        ("-20.00", "-20.00", "0", None),
        ("1250.42", "1250.40", None, "worth more or less than its cash"),
        ("1250.40", "1250.42", None, "worth more or less than its cash"),
        ("1250.40", "-1250.40", None, "worth more or less than its cash"),
        ("1250.40", "1250.40", "310.00", "margin is required"),
        ("0", "0.00", None, "balances of zero prove nothing"),
        ("0", "0.00", "0", "balances of zero prove nothing"),
        ("0.01", "0.00", "0", None),
    ],
)
def test_which_balances_prove_an_account_empty(worth, cash, margin, doubt):
    new = portfolio(0, balances=money(worth, cash, margin))
    judgement = judge_overwrite(portfolio(3, at=YESTERDAY), new, confirmation=new)
    assert is_accepted(judgement, "confirmed") if doubt is None else is_refused(judgement, doubt)


@pytest.mark.parametrize(
    ("margin", "accepted"), [(None, False), ("1500.00", False), ("0.00", True)]
)
def test_futures_add_nothing_to_the_worth_so_only_the_margin_shows_them(margin, accepted):
    old = portfolio(2, at=YESTERDAY, kind=InstrumentType.FUTURE)
    new = portfolio(0, balances=money("9000", "9000", margin))
    judgement = judge_overwrite(old, new, confirmation=new)
    assert is_accepted(judgement, "confirmed") if accepted else is_refused(judgement, "margin")


@pytest.mark.parametrize("balances", [None, money("9", "0"), money("0", "0")])
def test_the_user_can_say_that_empty_is_right(balances):
    old, new = portfolio(3, at=YESTERDAY), portfolio(0, balances=balances)
    assert is_accepted(judge_overwrite(old, new, allow_empty=True), "as asked")


def test_allow_empty_does_not_allow_a_great_loss_that_is_not_empty():
    judgement = judge_overwrite(portfolio(10, at=YESTERDAY), portfolio(1), allow_empty=True)
    assert judgement.verdict is Verdict.CONFIRM


@pytest.mark.parametrize("old", [None, portfolio(0, at=YESTERDAY), portfolio(3, at=YESTERDAY)])
@pytest.mark.parametrize("allow_empty", [False, True])
def test_rows_of_which_none_could_be_read_are_never_an_empty_account(old, allow_empty):
    new = portfolio(0, rejected=4, balances=money("9", "9"))
    assert is_refused(judge_overwrite(old, new, allow_empty=allow_empty), "none of the 4 rows")


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (5, 1, Verdict.CONFIRM),
        (5, 2, Verdict.ACCEPT),
        (10, 2, Verdict.CONFIRM),
        (10, 3, Verdict.ACCEPT),
        (4, 1, Verdict.ACCEPT),
        (100, 20, Verdict.CONFIRM),
        (100, 21, Verdict.ACCEPT),
        (9, 1, Verdict.CONFIRM),
        (9, 2, Verdict.ACCEPT),
    ],
)
def test_a_loss_of_four_fifths_or_more_is_confirmed_first(before, after, verdict):
    judgement = judge_overwrite(portfolio(before, at=YESTERDAY), portfolio(after))
    assert judgement.verdict is verdict


def test_a_great_loss_that_a_second_fetch_confirms_is_accepted_with_a_warning():
    old, new, again = portfolio(10, at=YESTERDAY), portfolio(2), portfolio(2)
    assert is_accepted(judge_overwrite(old, new, confirmation=again), "second fetch confirmed")


def test_a_fill_between_two_fetches_does_not_break_the_confirmation():
    new = portfolio(2)
    filled = attrs.evolve(
        new, positions=tuple(attrs.evolve(row, quantity=Decimal(9)) for row in new.positions)
    )
    old = portfolio(10, at=YESTERDAY)
    assert is_accepted(judge_overwrite(old, new, confirmation=filled), "confirmed")


def test_a_row_that_stands_there_twice_is_two_rows():
    twice = attrs.evolve(portfolio(0), positions=holdings(1) * 2)
    judgement = judge_overwrite(portfolio(10, at=YESTERDAY), twice, confirmation=portfolio(1))
    assert is_refused(judgement, "other rows")


@pytest.mark.parametrize(
    "again",
    [
        portfolio(10),
        portfolio(1),
        portfolio(0),
        portfolio(2, kind=InstrumentType.FUND),
        attrs.evolve(portfolio(0), positions=holdings(2, side=Side.SHORT)),
        attrs.evolve(portfolio(0), positions=holdings(1) * 2),
    ],
)
def test_a_great_loss_that_a_second_fetch_does_not_confirm_is_refused(again):
    old, new = portfolio(10, at=YESTERDAY), portfolio(2)
    assert is_refused(judge_overwrite(old, new, confirmation=again), "other rows")


def test_a_loss_that_unreadable_rows_explain_is_refused_without_a_second_fetch():
    judgement = judge_overwrite(portfolio(10, at=YESTERDAY), portfolio(1, rejected=9))
    assert is_refused(judgement, "10 positions", "1 could be read", "9 could not")


def test_a_great_loss_beside_a_few_unreadable_rows_is_still_confirmed_first():
    judgement = judge_overwrite(portfolio(100, at=YESTERDAY), portfolio(10, rejected=2))
    assert judgement.verdict is Verdict.CONFIRM


def test_a_few_unreadable_rows_among_many_are_accepted():
    judgement = judge_overwrite(portfolio(10, at=YESTERDAY), portfolio(8, rejected=2))
    assert judgement == Judgement()


def test_older_positions_do_not_replace_newer_ones():
    judgement = judge_overwrite(portfolio(5), portfolio(5, at=YESTERDAY), now=TODAY)
    assert is_refused(judgement, "2025-12-18T15:00:00Z", "2025-12-19T15:00:00Z")


def test_the_same_moment_again_is_accepted():
    assert judge_overwrite(portfolio(5), portfolio(5), now=TODAY) == Judgement()


def test_even_one_microsecond_older_is_older():
    new = portfolio(5, at=TODAY - timedelta(microseconds=1))
    assert is_refused(judge_overwrite(portfolio(5), new, now=TODAY))


@pytest.mark.parametrize(("ahead", "accepted"), [(120, True), (121, False)])
def test_positions_from_the_future_do_not_displace_good_ones(ahead, accepted):
    new = portfolio(5, at=TODAY + timedelta(seconds=ahead))
    judgement = judge_overwrite(portfolio(5, at=YESTERDAY), new, now=TODAY)
    assert judgement == Judgement() if accepted else is_refused(judgement, "from the future")


@pytest.mark.parametrize(("ahead", "accepted"), [(120, False), (121, True)])
def test_a_file_that_claims_to_be_from_the_future_blocks_nothing(ahead, accepted):
    old = portfolio(5, at=TODAY + timedelta(seconds=ahead))
    judgement = judge_overwrite(old, portfolio(5), now=TODAY)
    assert is_accepted(judgement, "future") if accepted else is_refused(judgement, "older")


REAL = (Environment.PRODUCTION, None)
PLAY = (Environment.SANDBOX, Environment.SIMULATOR)


@pytest.mark.parametrize("old", REAL)
@pytest.mark.parametrize("new", PLAY)
def test_play_positions_never_replace_real_ones(old, new):
    judgement = judge_overwrite(
        portfolio(5, at=YESTERDAY, environment=old),
        portfolio(5, environment=new),
        allow_empty=True,
    )
    assert is_refused(judgement, f"{new} positions would replace real ones")


@pytest.mark.parametrize(
    ("old", "new"),
    [(a, b) for a in PLAY for b in (*REAL, *PLAY) if a is not b],
)
def test_leaving_a_play_world_is_reported_and_compares_nothing_else(old, new):
    judgement = judge_overwrite(
        portfolio(50, environment=old, source="demo", account="ffff***"),
        portfolio(1, at=YESTERDAY, environment=new),
        now=TODAY,
    )
    assert is_accepted(judgement, f"held {old} positions")


@pytest.mark.parametrize("world", PLAY)
def test_a_play_world_is_held_to_the_same_rules_within_itself(world):
    judgement = judge_overwrite(
        portfolio(5, at=YESTERDAY, environment=world), portfolio(0, environment=world)
    )
    assert is_refused(judgement, "no balances")


def test_positions_of_another_broker_do_not_replace_these():
    judgement = judge_overwrite(portfolio(5, at=YESTERDAY), portfolio(5, source="other"))
    assert is_refused(judgement, "acme", "other")


def test_positions_of_another_account_do_not_replace_these():
    new = portfolio(5, account="ffffc3d4e5f6***")
    judgement = judge_overwrite(portfolio(5, at=YESTERDAY), new)
    assert is_refused(judgement, "a1b2c3d4e5f6***", "ffffc3d4e5f6***")
    assert "key" in judgement.hint


@pytest.mark.parametrize(
    ("old", "new"),
    [("a1b2***", "a1b2c3d4e5f6***"), ("a1b2c3d4e5f6***", "a1b2***"), (None, "a1b2***")],
)
def test_a_hash_that_was_cut_shorter_is_the_same_account(old, new):
    judgement = judge_overwrite(portfolio(5, at=YESTERDAY, account=old), portfolio(5, account=new))
    assert judgement == Judgement()


@pytest.mark.parametrize(
    ("new", "allow_empty", "accepted"),
    [
        (portfolio(3), False, True),
        (portfolio(0), False, False),
        (portfolio(0), True, True),
        (portfolio(0, balances=money("5", "5", "0")), False, True),
        (portfolio(0, balances=money("5", "5")), False, False),
        (portfolio(0, balances=money("5", "4", "0")), False, False),
    ],
)
def test_an_empty_answer_over_an_unreadable_file_is_judged_as_if_it_held_positions(
    new, allow_empty, accepted
):
    judgement = judge_overwrite(None, new, allow_empty=allow_empty, old_unreadable=True)
    assert (judgement.verdict is Verdict.ACCEPT) is accepted
    assert bool(judgement.reason) is not accepted


@pytest.mark.parametrize(
    ("balances", "accepted"),
    [
        (None, True),
        (money("0", "0"), True),
        (money("1100", "1100"), True),
        (money("1100", "100"), False),
        (money("1100", "1100", "310"), False),
        (money("2000", "1000", pending="1000"), True),
        (money("5500", "6000", pending="-500"), True),
        (money("2000", "1000", pending="-1000"), False),
    ],
)
@pytest.mark.parametrize("old", [None, portfolio(0, at=YESTERDAY)])
def test_a_first_empty_answer_is_refused_where_its_balances_contradict_it(balances, accepted, old):
    new = portfolio(0, balances=balances)
    judgement = judge_overwrite(old, new)
    assert judgement == Judgement() if accepted else is_refused(judgement, "would be empty, but")
    assert judge_overwrite(old, new, allow_empty=True).verdict is Verdict.ACCEPT


@pytest.mark.parametrize(
    ("balances", "doubt"),
    [
        (money("2000", "1000", "0", pending="1000"), None),
        (money("0", "-500", "0", pending="500"), None),
        (money("0", "0", "0", pending="0"), "prove nothing"),
        (money("2000", "1000", "0", pending="900"), "worth more or less"),
    ],
)
def test_cash_on_its_way_belongs_to_the_proof(balances, doubt):
    new = portfolio(0, balances=balances)
    judgement = judge_overwrite(portfolio(3, at=YESTERDAY), new, confirmation=new)
    assert is_accepted(judgement, "confirmed") if doubt is None else is_refused(judgement, doubt)


@pytest.mark.parametrize(
    ("balances", "accepted"),
    [
        (money("0", "0"), True),
        (money("100000", "100000"), True),
        (money("100000", "5000"), False),
        (money("100", "100", "50"), False),
    ],
)
@pytest.mark.parametrize("kind", [InstrumentType.STOCK, InstrumentType.FUTURE])
def test_the_daily_wipe_of_a_sandbox_is_accepted_unless_contradicted(balances, accepted, kind):
    sandbox = Environment.SANDBOX
    old = portfolio(5, at=YESTERDAY, environment=sandbox, kind=kind)
    new = portfolio(0, environment=sandbox, balances=balances)
    judgement = judge_overwrite(old, new, confirmation=new)
    assert (judgement.verdict is Verdict.ACCEPT) is accepted


def test_an_empty_real_answer_over_play_positions_is_held_to_its_balances():
    old = portfolio(5, at=YESTERDAY, environment=Environment.SIMULATOR)
    assert is_refused(judge_overwrite(old, portfolio(0, balances=money("9", "1"))), "but")
    assert judge_overwrite(old, portfolio(0)).verdict is Verdict.ACCEPT


amounts = st.decimals(min_value=-10_000, max_value=10_000, places=2)
all_balances = st.none() | st.builds(money, amounts, amounts, st.none() | amounts)
kinds = st.sampled_from(InstrumentType)


def complete(count):
    old = portfolio(count, at=YESTERDAY)
    return attrs.evolve(old, meta=attrs.evolve(old.meta, status=Status.COMPLETE))


def test_a_partial_answer_over_complete_positions_is_fetched_twice():
    new = portfolio(8, rejected=2)
    judgement = judge_overwrite(complete(10), new)
    assert judgement.verdict is Verdict.CONFIRM
    assert "2 rows of the answer cannot be read" in judgement.reason
    assert is_accepted(judge_overwrite(complete(10), new, confirmation=new), "second fetch")


@pytest.mark.parametrize(
    "again", [portfolio(10), portfolio(9, rejected=1), portfolio(7, rejected=3)]
)
def test_a_partial_answer_that_a_second_fetch_does_not_confirm_is_refused(again):
    judgement = judge_overwrite(complete(10), portfolio(8, rejected=2), confirmation=again)
    assert is_refused(judgement, "second answer")
    assert judgement.hint == "run the command again"


def test_where_the_same_rows_stand_does_not_matter_to_the_confirmation():
    new, again = portfolio(8, rejected=2), portfolio(8, rejected=2)
    moved = tuple(attrs.evolve(row, row=row.row + 3) for row in again.meta.rejected)
    again = attrs.evolve(again, meta=attrs.evolve(again.meta, rejected=moved))
    assert is_accepted(judge_overwrite(complete(10), new, confirmation=again), "second fetch")


def test_a_partial_file_and_one_over_partial_positions_are_read_once():
    new = portfolio(8, rejected=2)
    assert is_accepted(judge_overwrite(complete(10), new, from_file=True))
    assert is_accepted(judge_overwrite(portfolio(9, at=YESTERDAY, rejected=1), new))


@given(before=st.integers(1, 60), balances=all_balances, kind=kinds)
def test_an_empty_portfolio_replaces_positions_only_when_worth_equals_cash(before, balances, kind):
    new = portfolio(0, balances=balances)
    old = portfolio(before, at=YESTERDAY, kind=kind)
    judgement = judge_overwrite(old, new, confirmation=new)
    if judgement.verdict is Verdict.ACCEPT:
        assert balances is not None
        assert abs(balances.net_liquidating_value - balances.cash) <= Decimal("0.01")
        assert not balances.maintenance_requirement or abs(balances.maintenance_requirement) < 1
    assert judge_overwrite(old, new).verdict is not Verdict.ACCEPT


@given(before=st.integers(1, 500), after=st.integers(1, 500), rejected=st.integers(0, 20))
def test_no_great_loss_is_ever_accepted_without_a_second_fetch(before, after, rejected):
    judgement = judge_overwrite(
        portfolio(before, at=YESTERDAY), portfolio(after, rejected=rejected)
    )
    lost = Fraction(before - after, before)
    assert (judgement.verdict is Verdict.ACCEPT) is (lost < Fraction(4, 5))


@given(before=st.integers(0, 30), after=st.integers(0, 30), seed=st.integers(0, 3))
def test_a_refusal_names_no_symbol_and_no_amount(before, after, seed):
    new = portfolio(after, rejected=seed, balances=money("13579.24", "86420.13"))
    judgement = judge_overwrite(portfolio(before, at=YESTERDAY), new)
    for secret in ("R0", "R1", "13579", "86420"):
        assert secret not in judgement.reason
        assert secret not in (judgement.hint or "")


@pytest.mark.parametrize(
    ("balances", "closed", "accepted"),
    [
        (None, 0, False),
        (None, 2, True),
        (money("0", "0"), 0, False),
        (money("1100", "1100"), 0, True),
        (money("1100", "100"), 2, False),
    ],
)
def test_a_file_without_positions_proves_nothing_by_itself(balances, closed, accepted):
    new = portfolio(0, balances=balances)
    counts = Counts(fetched=closed, normalized=0, closed=closed, rejected=0)
    new = attrs.evolve(new, meta=attrs.evolve(new.meta, counts=counts))
    judgement = judge_overwrite(None, new, from_file=True)
    assert (judgement.verdict is Verdict.ACCEPT) is accepted
    assert accepted or "--allow-empty" in (judgement.hint or "")
    allowed = judge_overwrite(None, new, from_file=True, allow_empty=True)
    assert allowed.verdict is Verdict.ACCEPT


def test_an_account_of_which_no_row_could_be_read_names_the_rows():
    rejected = tuple(
        RejectedRow(row=row, reason=Rejection.QUANTITY_MISSING) for row in range(14, 21)
    )
    new = portfolio(0)
    new = attrs.evolve(new, meta=attrs.evolve(new.meta, rejected=rejected))
    assert "row 14, 15, 16, 17, 18, ...: quantity_missing" in judge_overwrite(None, new).reason


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (("A", "B"), "none of the 2 positions of the file before is in this one"),
        (("A",), "the only position of the file before is not in this one"),
    ],
)
def test_an_export_that_shares_no_symbol_with_the_one_before_may_be_of_another_account(
    before, words
):
    old, new = symbols(*before, at=YESTERDAY), symbols("X", "Y")
    judgement = judge_overwrite(old, new, from_file=True, names_account=False)
    assert is_accepted(judgement, words)
    assert "another account" in judgement.warnings[0]
    assert "variance restore" in judgement.warnings[0]


@pytest.mark.parametrize(
    ("before", "after", "names_account"),
    [(("A", "B"), ("B", "C"), False), (("A",), ("X",), True), ((), ("X",), False)],
)
def test_the_same_account_is_not_taken_for_another(before, after, names_account):
    old, new = symbols(*before, at=YESTERDAY), symbols(*after)
    assert is_accepted(judge_overwrite(old, new, from_file=True, names_account=names_account))


def symbols(*names, at=TODAY):
    held = tuple(
        attrs.evolve(each, symbol=name)
        for each, name in zip(holdings(len(names)), names, strict=True)
    )
    return attrs.evolve(portfolio(len(names), at=at), positions=held)


def flagged(one, *cautions):
    flags = tuple(Flag(caution=caution) for caution in cautions)
    return attrs.evolve(one, meta=structs.replace(one.meta, flags=flags))


def test_an_export_that_may_be_cut_off_never_replaces_positions_that_it_lacks():
    old, cut = portfolio(6, at=YESTERDAY), flagged(portfolio(3), Caution.POSSIBLY_TRUNCATED)
    judgement = judge_overwrite(old, cut, from_file=True)
    assert is_refused(judgement, "3 of the 6 positions", "cut off")
    assert "move the old file away" in judgement.hint


@pytest.mark.parametrize("after", [3, 4])
def test_an_export_that_may_be_cut_off_and_lacks_no_position_is_accepted(after):
    cut = flagged(portfolio(after), Caution.POSSIBLY_TRUNCATED)
    assert judge_overwrite(portfolio(3, at=YESTERDAY), cut, from_file=True) == Judgement()


def test_where_the_document_before_may_be_cut_off_too_the_lost_positions_are_counted():
    old, new = (
        flagged(portfolio(count, at=at), Caution.POSSIBLY_TRUNCATED)
        for count, at in ((6, YESTERDAY), (3, TODAY))
    )
    assert is_accepted(judge_overwrite(old, new, from_file=True), "3 of the 6 positions")


@pytest.mark.parametrize("caution", [Caution.TOTAL_DISAGREES, Caution.BALANCES_DISAGREE])
def test_positions_that_are_gone_from_a_file_that_contradicts_itself_are_counted(caution):
    new = flagged(portfolio(3), caution)
    assert is_accepted(judge_overwrite(portfolio(6, at=YESTERDAY), new), "may be missing")


def test_an_option_that_expired_since_is_not_missing_from_a_file_that_may_be_cut_off():
    old, cut = portfolio(3, at=YESTERDAY), flagged(portfolio(3), Caution.POSSIBLY_TRUNCATED)
    expired, open_still = (
        Holding(
            root="R1",
            symbol=f"R1    {day}P00050000",
            type=InstrumentType.OPTION,
            side=Side.SHORT,
            quantity=Decimal(1),
        )
        for day in ("251218", "260116")
    )
    before = attrs.evolve(old, positions=(*old.positions, expired))
    assert judge_overwrite(before, cut, from_file=True) == Judgement()
    before = attrs.evolve(old, positions=(*old.positions, open_still))
    assert is_refused(judge_overwrite(before, cut, from_file=True), "1 of the 4 positions")
