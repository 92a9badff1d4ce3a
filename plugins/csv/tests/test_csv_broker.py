"""The broker around the reading: which file, when it was true, whose it is, and what the user is told."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from variance_bridge.broker import Account, Broker, BrokerContext, BrokerSpec
from variance_bridge.errors import DataRefused, UsageError
from variance_bridge.personal_values import PersonalValues
from variance_bridge_csv.broker import CsvBroker
from variance_bridge_csv.file.file_name import describe_name
from variance_bridge_csv.plugin import variance_bridge_brokers
from variance_bridge_csv.settings import CsvSettings

HEADER = (
    "Account,Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,P/L Open,Cost,Mark,Net Liq\n"
)
FIRST = "5WX00001,QZA,STOCK,10,,--,,,50.00,-950.00,100.00,1000.00\n"
SECOND = "5WX00002,QZA,STOCK,-5,,--,,,-10.00,490.00,-100.00,-500.00\n"
OPTION = "5WX00001,QZB,OPTION,-1,2026-03-20,{dte},95,Put,10.00,100.00,-0.90,-90.00\n"


MOMENT = datetime(2026, 1, 5, 14, 0, tzinfo=UTC).timestamp()


class Clock:
    def now(self):
        return datetime(2026, 1, 5, 15, 0, tzinfo=UTC)


def broker(*, input_file=None, warn=None, **settings):
    return CsvBroker(
        BrokerContext(
            settings=CsvSettings(**settings),
            credentials={},
            session=None,
            clock=Clock(),
            personal=PersonalValues(),
            input_file=input_file,
            warn=warn or (lambda _message: None),
        )
    )


def written(path, content, moment=None):
    path.write_text(content)
    moment = moment or datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
    os.utime(path, (moment.timestamp(), moment.timestamp()))
    return path


def test_the_plugin_declares_one_broker_whose_class_and_settings_exist():
    (spec,) = variance_bridge_brokers()
    assert isinstance(spec, BrokerSpec)
    assert (spec.name, spec.slug) == ("csv", "csv")
    assert spec.hosts == ()
    assert spec.broker == f"{CsvBroker.__module__}:{CsvBroker.__name__}"
    assert spec.settings == f"{CsvSettings.__module__}:{CsvSettings.__name__}"
    assert isinstance(broker(), Broker)


def test_without_a_file_the_user_is_reported_how_to_name_one():
    with pytest.raises(UsageError) as caught:
        broker().accounts()
    assert "variance sync FILE" in caught.value.hint


def test_the_named_file_comes_before_the_folder(tmp_path):
    named = written(tmp_path / "named.csv", HEADER + FIRST, datetime(2026, 1, 1, tzinfo=UTC))
    written(tmp_path / "new.csv", HEADER + SECOND)
    found = broker(input_file=named, input_folder=str(tmp_path))
    assert [account.number for account in found.accounts()] == ["5WX00001"]


def test_the_same_symbol_in_two_accounts_stays_two_positions(read_csv):
    outcome = read_csv(HEADER + FIRST + SECOND)
    assert [account.number for account in outcome.accounts] == ["5WX00001", "5WX00002"]
    assert [[one["side"] for one in document["positions"]] for document in outcome.documents] == [
        ["long"],
        ["short"],
    ]


def test_an_account_is_found_by_its_number_where_its_place_is_not_known(tmp_path):
    found = broker(input_file=written(tmp_path / "p.csv", HEADER + FIRST + SECOND))
    raw = found.fetch(found.accounts()[0])
    short = found.normalize(attrs.evolve(raw, account=Account(number="5WX00002")))
    assert [one.signed_quantity for one in short.positions] == [-5]
    with pytest.raises(DataRefused, match="not this one"):
        found.normalize(attrs.evolve(raw, account=Account(number="5WX00009")))


def test_the_account_number_is_reported_to_those_who_keep_it_out_and_stands_nowhere_else(read_csv):
    outcome = read_csv(HEADER + FIRST, name="tastytrade_positions_x5WX00001_260105.csv")
    assert outcome.personal.find("about 5WX00001")
    assert "5WX00001" not in repr(outcome.documents)
    assert not any("5WX00001" in warning for warning in outcome.warnings)
    assert "5WX00001" not in repr(outcome.accounts)


def test_the_files_name_tells_the_account_where_no_column_does(read_csv):
    header = HEADER.replace("Account,", "Indicators,")
    outcome = read_csv(
        header + FIRST.replace("5WX00001", ""), name="tastytrade_positions_x5WX00001_260105.csv"
    )
    assert outcome.accounts[0].number == "5WX00001"
    assert outcome.personal.find("5WX00001")


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("tastytrade_positions_x5WX00001_260104.csv", "5WX00001"),
        ("U1234567_20260131.csv", "U1234567"),
        ("Anns Living Trust-Positions-2026-05-03-131725.csv", "Anns Living Trust"),
        ("statement 12345678.csv", "12345678"),
        ("a\x1b[31m.csv", "\x1b"),
    ],
)
def test_what_a_files_name_tells_of_its_owner_is_not_shown(read_csv, name, hidden):
    patterns = [
        r"tastytrade_positions_x?(?P<account>[0-9A-Za-z]{6,12})_[0-9]{6}.*\.csv",
        r"(?P<nickname>.+)-Positions-[0-9]{4}-[0-9]{2}-[0-9]{2}.*\.csv",
    ]
    shown, _account, _nickname = describe_name(name, patterns)
    assert hidden not in shown
    assert shown.endswith(".csv")


def test_a_name_without_numbers_is_shown_as_it_is():
    assert describe_name("variance_dummy_portfolio.csv", []) == (
        "variance_dummy_portfolio.csv",
        "",
        None,
    )


def test_the_time_is_the_files_own_modification_time_and_flagged(read_csv):
    moment = datetime(2025, 12, 31, 21, 0, 30, tzinfo=UTC)
    outcome = read_csv(HEADER + FIRST, modified=moment)
    assert outcome.meta["fetched_at"] == "2025-12-31T21:00:30Z"
    assert outcome.cautions() == ["time_from_file"]
    assert outcome.warnings == []


def test_a_time_that_the_file_states_comes_first(read_csv, files):
    outcome = read_csv((files / "schwab_all_accounts.csv").read_bytes())
    assert outcome.documents[0]["meta"]["fetched_at"] == "2025-11-14T23:04:00Z"
    assert not any("modification" in warning for warning in outcome.warnings)


def test_a_day_that_the_file_states_is_its_close_and_never_after_the_file_was_written(
    read_csv, files
):
    data = (files / "ibkr_flex.csv").read_bytes()
    noon = datetime(2025, 11, 7, 17, 0, tzinfo=UTC)
    assert read_csv(data).meta["fetched_at"] == "2025-11-07T21:00:00Z"
    assert read_csv(data, modified=noon).meta["fetched_at"] == "2025-11-07T17:00:00Z"


def test_a_file_from_the_future_is_refused(read_csv):
    late = Clock().now() + timedelta(seconds=121)
    with pytest.raises(DataRefused, match="future"):
        read_csv(HEADER + FIRST, modified=late)
    assert read_csv(HEADER + FIRST, modified=late - timedelta(seconds=1)).positions


def test_the_year_of_a_one_digit_contract_comes_from_the_file(read_csv):
    row = "5WX00001,/MNQH6,FUTURES,1,,--,,,50,--,20000,--\n"
    assert read_csv(HEADER + row).positions[0]["symbol"] == "/MNQH6"


def test_all_accounts_come_from_one_reading_of_the_file(tmp_path):
    path = written(tmp_path / "p.csv", HEADER + FIRST + SECOND)
    found = broker(input_file=path)
    first, second = found.accounts()
    before = found.normalize(found.fetch(first))
    written(path, HEADER)
    assert len(found.normalize(found.fetch(second)).positions) == 1
    assert found.normalize(found.fetch(first)) == before


def test_what_is_worth_knowing_is_reported_once(tmp_path):
    told = []
    content = HEADER + FIRST + "5WX00001,QZB\n" + "5WX00001,??,STOCK,1,,,,,1,-1,1,1\n" + FIRST
    found = broker(
        input_file=written(tmp_path / "p.csv", content), warn=told.append, max_rejected_percent=50
    )
    found.fetch(found.accounts()[0])
    assert sum("row rejected" in one for one in told) == 2
    assert any("p.csv: line 3: row rejected: wrong number of cells (2 cells" in one for one in told)
    assert any(
        "p.csv: line 4: row rejected: the symbol cannot be read (not a ticker, in Symbol)" in one
        for one in told
    )


def test_rows_that_are_rejected_for_one_reason_share_a_warning(read_csv):
    outcome = read_csv(
        HEADER + FIRST + "5WX00001,??,STOCK,1,,,,,1,-1,1,1\n" * 8, max_rejected_percent=100
    )
    assert outcome.warnings == [
        (
            "positions.csv: line 3: row rejected: the symbol cannot be read (not a ticker, in Symbol); "
            "7 more rows for the same reason"
        )
    ]
    assert len(outcome.meta["rejected"]) == 8


def test_reasons_beyond_the_first_are_counted(read_csv):
    bad = [f"5WX00001,QZB{',x' * cells}\n" for cells in range(8)]
    outcome = read_csv(HEADER + FIRST + "".join(bad), max_rejected_percent=100)
    assert sum("row rejected" in one for one in outcome.warnings) == 5
    assert any(one.endswith("3 more rows rejected: see meta.rejected") for one in outcome.warnings)


BAD_DATE = "5WX00001,QZB,OPTION,-1,20-Mrz-26,74,9{},Put,10.00,100.00,-0.90,-90.00\n"


def test_a_file_of_which_much_cannot_be_read_is_refused_with_the_reasons(read_csv):
    content = HEADER + FIRST * 2 + "".join(BAD_DATE.format(strike) for strike in range(3))
    with pytest.raises(DataRefused) as caught:
        read_csv(content)
    assert caught.value.what == (
        '3 of 5 rows cannot be read (lines 4, 5, 6): 3 rows: the date "20-Mrz-26" in Exp Date cannot be read'
    )
    assert "--set max_rejected_percent=60`" in caught.value.hint, "the smallest that lets it pass"
    assert read_csv(content, max_rejected_percent=60).meta["status"] == "partial"
    with pytest.raises(DataRefused):
        read_csv(content, max_rejected_percent=59)


def test_a_single_row_never_costs_the_others(read_csv):
    assert len(read_csv(HEADER + FIRST + BAD_DATE.format(5)).positions) == 1


def test_contradicted_costs_and_unread_numbers_are_reported(read_csv):
    outcome = read_csv(
        HEADER + FIRST.replace("-950.00", "950.00") + FIRST.replace("50.00,-", "5O,-")
    )
    contradicted = "contradict each other in 1 of 2 positions (line 2; flag cost_contradicted)"
    assert any(contradicted in one for one in outcome.warnings)
    unread = "1 position (line 3) has a number that cannot be read"
    assert any(unread in one for one in outcome.warnings)


def test_so_many_lines_are_named_and_the_others_counted(read_csv):
    outcome = read_csv(HEADER + 8 * FIRST.replace("-950.00", "950.00"))
    assert any("(lines 2, 3, 4, 5, 6 and 3 more; flag" in one for one in outcome.warnings)


def test_a_cash_row_is_not_a_position_and_not_counted(read_csv):
    outcome = read_csv(HEADER + FIRST + "5WX00001,CASH,CASH,1,,,,,,,,500\n")
    assert outcome.meta["counts"] == {"fetched": 1, "normalized": 1, "closed": 0, "rejected": 0}


def test_a_type_that_is_unknown_keeps_the_totals_that_the_file_states(read_csv):
    outcome = read_csv(HEADER + FIRST.replace("STOCK", "Moon Note"))
    (position,) = outcome.positions
    assert position["type"] == "other"
    assert "multiplier" not in position
    assert (position["market_value"], position["cost_basis"]) == (1000, 950)
    assert outcome.cautions(row=2) == ["multiplier_unknown", "type_unknown"]
    assert not any("add the column" in one for one in outcome.warnings)


def test_a_row_without_a_type_is_what_its_symbol_and_columns_say(read_csv):
    header = HEADER.replace("Type,", "")
    rows = [
        "5WX00001,QZA,10,,--,,,50.00,-950.00,100.00,1000.00",
        "5WX00001,QZB,-1,2026-03-20,74,95,Put,10.00,100.00,-0.90,-90.00",
        "5WX00001,QZB   260320C00095000,1,,74,,,10.00,-80.00,0.90,90.00",
        "5WX00001,/MNQH6,1,,74,,,10.00,0,20000,10",
        "5WX00001,BTC/USD,1,,--,,,10.00,-90000,90010,90010",
    ]
    outcome = read_csv(header + "\n".join(rows) + "\n")
    assert sorted(one["type"] for one in outcome.positions) == [
        "crypto",
        "future",
        "option",
        "option",
        "stock",
    ]


def test_a_total_that_is_not_the_sum_of_the_rows_is_flagged_and_gives_no_balances(read_csv, files):
    data = (files / "etrade.csv").read_bytes().replace(b",14310.01,\n", b",14320.01,\n")
    outcome = read_csv(data)
    assert "total_disagrees" in outcome.cautions()
    assert "balances" not in outcome.document
    assert any("is not the sum" in one for one in outcome.warnings)


def test_a_file_that_should_have_an_end_and_has_none_is_flagged(read_csv, files):
    data = (files / "fidelity.csv").read_bytes().split(b"\n\n")[0] + b"\n"
    outcome = read_csv(data)
    assert "possibly_truncated" in [
        flag["caution"] for flag in outcome.documents[0]["meta"]["flags"]
    ]
    assert any("may be cut off" in one for one in outcome.warnings)


SCHWAB_COLUMN = (
    '"Positions for All Accounts as of 10:01 AM ET, 2026/01/02"\n\n'
    '"Account","Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Asset Type"\n'
    '"Individual ...001","QZA","QUARTZ","10","20.00","$200.00","Equity"\n'
    '"Roth ...002","QZA","QUARTZ","5","20.00","$100.00","Equity"\n'
    '"Roth ...002","Cash & Cash Investments","--","--","--","$50.00","Cash and Money Market"\n'
    '"Positions Total","","","--","--","$350.00","--"\n'
)


def test_a_total_in_the_column_of_the_account_is_nobodys_account(read_csv):
    outcome = read_csv(SCHWAB_COLUMN)
    assert [one.number for one in outcome.accounts] == ["Individual ...001", "Roth ...002"]
    assert all(one["meta"]["status"] == "complete" for one in outcome.documents)
    assert all("flags" not in one["meta"] for one in outcome.documents)


def test_a_total_of_all_accounts_is_compared_with_the_rows_of_all(read_csv):
    outcome = read_csv(SCHWAB_COLUMN.replace("$350.00", "$351.00"))
    assert [[flag["caution"] for flag in one["meta"]["flags"]] for one in outcome.documents] == [
        ["total_disagrees"]
    ] * 2


def test_whoever_watches_sees_the_rows_while_they_are_read(tmp_path):
    seen = []
    text = HEADER + FIRST + SECOND
    (tmp_path / "positions.csv").write_text(text)
    os.utime(tmp_path / "positions.csv", (MOMENT, MOMENT))
    broker = CsvBroker(
        BrokerContext(
            settings=CsvSettings(),
            credentials={},
            session=None,
            clock=Clock(),
            personal=PersonalValues(),
            input_file=tmp_path / "positions.csv",
            progress=lambda counted, done, of: seen.append((counted, done, of)),
        )
    )
    broker.accounts()
    counted, done, of = seen[0]
    assert (counted, of) == ("rows", 2)
    assert done() == of


@pytest.mark.parametrize(("expiration", "is_said"), [("2025-12-28", True), ("2025-12-29", False)])
def test_an_option_that_no_broker_still_lists_is_worth_a_word(tmp_path, expiration, is_said):
    """The file is of January 5: what expired a week before may still wait for its assignment."""
    row = OPTION.format(dte="--").replace("2026-03-20", expiration)
    said = []
    source = broker(
        input_file=written(tmp_path / "export.csv", HEADER + row + FIRST), warn=said.append
    )
    source.accounts()
    [expired] = [each for each in said if "expired" in each] or [""]
    doubt = "export.csv: line 2: expired more than 7 days before the file's date"
    assert expired.startswith(doubt) is is_said
