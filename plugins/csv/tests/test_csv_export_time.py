"""When a file was true: the earliest of its modification time, what it states, its name and its days to expiration."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from variance_bridge.errors import DataRefused
from variance_bridge_csv.dialect_format.dialect_options import TimeRules
from variance_bridge_csv.export_time import StatedTime, export_time
from variance_bridge_csv.file.file_name import day_in_name

HEADER = (
    "Account,Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,P/L Open,Cost,Mark,Net Liq\n"
)
STOCK = "5WX00001,QZA,STOCK,10,,--,,,50.00,-950.00,100.00,1000.00\n"


def options(*days_left):
    return "".join(
        f"5WX00001,QZB   260320P000{90 + place}000,OPTION,-1,2026-03-20,{left}d,{90 + place},Put,10.00,100.00,-0.90,-90.00\n"
        for place, left in enumerate(days_left)
    )


def test_the_date_in_the_name_comes_before_a_later_modification_time(read_csv):
    outcome = read_csv(HEADER + STOCK, name="tastytrade_positions_x5WX00001_251221.csv")
    assert outcome.meta["fetched_at"] == "2025-12-21T21:00:00Z"
    assert "time_contradicted" in outcome.cautions()
    assert any("its name says that it is from 2025-12-21, not" in one for one in outcome.warnings)


def test_a_name_that_agrees_with_the_modification_time_changes_nothing(read_csv):
    outcome = read_csv(HEADER + STOCK, name="tastytrade_positions_2026-01-05.csv")
    assert outcome.meta["fetched_at"] == "2026-01-05T14:30:00Z"
    assert outcome.cautions() == ["time_from_file"]
    assert outcome.warnings == []


def test_a_name_with_a_later_date_does_not_make_a_file_younger(read_csv):
    outcome = read_csv(HEADER + STOCK, name="positions_2026-03-20.csv")
    assert outcome.meta["fetched_at"] == "2026-01-05T14:30:00Z"
    assert any("newer than 2026-01-05 14:30 UTC" in one for one in outcome.warnings)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("tastytrade_positions_x5WX00001_260104.csv", date(2026, 1, 4)),
        ("tastytrade_positions_x5WX00001_20261126.csv", date(2026, 11, 26)),
        ("tastytrade_positions_5WX00001_20251231.csv", date(2025, 12, 31)),
        ("Portfolio_Positions_Apr-23-2026.csv", date(2026, 4, 23)),
        ("tastytrade_positions_2025-12-21.csv", date(2025, 12, 21)),
        ("positions_20251221.csv", date(2025, 12, 21)),
        ("U0000001_20260101_20260131.csv", date(2026, 1, 31)),
        ("positions_21.12.2025.csv", date(2025, 12, 21)),
        ("positions_12-21-2025.csv", date(2025, 12, 21)),
        ("positions_21_12_2025.csv", date(2025, 12, 21)),
        ("positions_03-04-2026.csv", date(2026, 4, 3)),
        ("Positions April 23, 2026.csv", date(2026, 4, 23)),
        ("21 December 2025.csv", date(2025, 12, 21)),
        ("May-2026.csv", None),
        ("fund 33.12.2025.csv", None),
        ("statement 12345678.csv", None),
        ("roth 20261399.csv", None),
        ("positions.csv", None),
    ],
)
def test_a_date_is_found_in_the_name_where_it_is_spelled_out(name, day):
    patterns = [r"tastytrade_positions_x?(?P<account>[0-9A-Za-z]{6,12})_(?P<date>[0-9]{6}).*\.csv"]
    assert day_in_name(name, patterns) == day


def test_days_to_expiration_that_most_rows_share_tell_the_day(read_csv):
    outcome = read_csv(HEADER + options(90, 90, 88, 90))
    assert outcome.meta["fetched_at"] == "2025-12-20T21:00:00Z"
    assert "time_contradicted" in outcome.cautions()
    assert any(
        "its days to expiration say that it is from 2025-12-20, not" in one
        for one in outcome.warnings
    )


def test_days_to_expiration_of_today_say_nothing_new(read_csv):
    outcome = read_csv(HEADER + options(74, 74))
    assert outcome.meta["fetched_at"] == "2026-01-05T14:30:00Z"
    assert outcome.warnings == []


def test_days_to_expiration_of_a_later_day_are_reported_as_newer(read_csv):
    outcome = read_csv(HEADER + options(74), modified=datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert outcome.meta["fetched_at"] == "2026-01-01T12:00:00Z"
    assert any("newer than 2026-01-01 12:00 UTC" in one for one in outcome.warnings)


def test_a_recorded_old_file_reads_the_same_again(read_csv):
    outcome = read_csv(HEADER + options(90, 90))
    again = type(outcome.broker).__new__(type(outcome.broker))
    assert again.normalize(outcome.raws[0]) == outcome.portfolios[0]


def test_what_a_file_states_does_not_make_it_newer_than_its_modification_time(read_csv, files):
    data = (files / "schwab_all_accounts.csv").read_bytes()
    outcome = read_csv(data, modified=datetime(2025, 11, 1, 12, tzinfo=UTC))
    assert outcome.documents[0]["meta"]["fetched_at"] == "2025-11-01T12:00:00Z"
    assert any("newer than 2025-11-01 12:00 UTC" in one for one in outcome.warnings)


FIDELITY = (
    "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Current Value\n"
    "X11111111,Mine,QZA,INVENTED,10,$52.00,$520.00\n\n"
    '"Date downloaded {footer}"\n'
)


@pytest.mark.parametrize(
    ("footer", "fetched_at", "contradicted"),
    [
        ("01/05/2026 9:15 a.m. ET", "14:15", False),
        ("01/05/2026 9:31 a.m. ET", "14:30", False),
        ("01/05/2026 12:30 p.m. ET", "14:30", True),
        ("Jan-05-2026 at 12:30 p.m ET", "14:30", True),
        ("01/05/2026 12:30 p.m.", "14:30", False),
        ("01/05/2026", "14:30", False),
    ],
)
def test_a_footer_from_after_the_modification_time_is_a_contradiction(
    read_csv, footer, fetched_at, contradicted
):
    outcome = read_csv(FIDELITY.format(footer=footer))
    assert outcome.meta["fetched_at"] == f"2026-01-05T{fetched_at}:00Z"
    assert ("time_contradicted" in outcome.cautions()) == contradicted
    assert any("newer than 2026-01-05 14:30 UTC" in one for one in outcome.warnings) == contradicted


@pytest.mark.parametrize(
    ("stated", "named", "source"),
    [
        (datetime(2026, 1, 5, 14, 15, tzinfo=UTC), None, "the file says so"),
        (datetime(2026, 1, 5, 17, 30, tzinfo=UTC), None, "its modification time; the file states a later time"),
        (None, None, "its modification time; the file does not say"),
        (datetime(2026, 1, 5, 14, 15, tzinfo=UTC), date(2026, 1, 2), "the date in its name"),
    ],
)  # fmt: skip
def test_the_source_of_a_files_time_is_named(stated, named, source):
    found = export_time(
        datetime(2026, 1, 5, 14, 30, tzinfo=UTC),
        stated=stated and StatedTime(moment=stated),
        named_day=named,
        rules=TimeRules(),
    )
    assert found.source == source


def test_a_name_of_the_future_does_not_hide_a_file_of_the_future(read_csv):
    with pytest.raises(DataRefused, match="future"):
        read_csv(
            HEADER + STOCK,
            name="positions_2026-02-01.csv",
            modified=datetime(2026, 2, 1, tzinfo=UTC),
        )
