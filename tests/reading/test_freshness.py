from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.document import exact_json
from variance_bridge.document.newest_file import newest_export, newest_live
from variance_bridge.errors import ConfigurationError, DataRefused, PositionsTooOld
from variance_bridge.formatting import format_age
from variance_bridge.reading.freshness import (
    STALE_MARK,
    AgeLimits,
    Freshness,
    age_of,
    configured_limits,
    judge_age,
)
from variance_bridge.reading.load import load
from variance_bridge.settings.configuration import read_configuration

NOW = datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC)


def document(fetched_at: str, **meta) -> bytes:
    return exact_json.dumps(
        {
            "meta": {"source": "acme", "fetched_at": fetched_at, "account_hash": "abcd***", **meta},
            "positions": [
                {"root": "SPY", "symbol": "SPY", "type": "stock", "side": "long", "quantity": 1}
            ],
        }
    )


def written(tmp_path, seconds_ago: int, *, zone: str = "Z", name: str = "live_acme.json"):
    moment = (NOW - timedelta(seconds=seconds_ago)).replace(tzinfo=None).isoformat()
    path = tmp_path / name
    path.write_bytes(document(f"{moment}{zone}"))
    return path


@pytest.mark.parametrize("zone", ["Z", "+00:00"])
@pytest.mark.parametrize(
    ("seconds", "freshness"),
    [
        (0, Freshness.FRESH),
        (3599, Freshness.FRESH),
        (3600, Freshness.FRESH),
        (3601, Freshness.STALE),
        (86399, Freshness.STALE),
        (86400, Freshness.STALE),
        (-1, Freshness.FRESH),
        (-120, Freshness.FRESH),
    ],
)
def test_the_edges_of_fresh_and_stale_are_exact(tmp_path, seconds, freshness, zone):
    snapshot = load(written(tmp_path, seconds, zone=zone), NOW)

    assert snapshot.freshness is freshness
    assert snapshot.age == timedelta(seconds=seconds)
    assert any(STALE_MARK in warning for warning in snapshot.warnings) == (
        freshness is Freshness.STALE
    )


CLOSES = {
    # The close of a document, and the close after which a newer one could be had, both 16:00 New York.
    "a weekday": ("2026-03-02T21:00:00Z", "2026-03-03T21:00:00Z"),
    "a Friday": ("2026-02-27T21:00:00Z", "2026-03-02T21:00:00Z"),
    "a Friday before a holiday": ("2026-01-16T21:00:00Z", "2026-01-20T21:00:00Z"),
    "the Friday before summer time": ("2026-03-06T21:00:00Z", "2026-03-09T20:00:00Z"),
    "a day before its close": ("2026-03-02T15:00:00Z", "2026-03-02T21:00:00Z"),
    "a Saturday": ("2026-02-28T12:00:00Z", "2026-03-02T21:00:00Z"),
}


@pytest.mark.parametrize(("closed", "next_one"), CLOSES.values(), ids=CLOSES)
def test_end_of_day_positions_age_from_the_next_close_on(tmp_path, closed, next_one):
    path = tmp_path / "live_acme.json"
    path.write_bytes(document(closed, timeliness="end_of_day"))
    ages = {"then": timedelta(0), "fresh": timedelta(hours=1), "stale": timedelta(hours=24)}
    moments = {name: datetime.fromisoformat(next_one) + age for name, age in ages.items()}

    before = load(path, datetime.fromisoformat(closed))
    assert (before.age, before.freshness, before.warnings) == (ages["then"], Freshness.FRESH, ())
    assert load(path, moments["fresh"]).freshness is Freshness.FRESH
    stale = load(path, moments["stale"])
    assert (stale.age, stale.freshness) == (ages["stale"], Freshness.STALE)
    assert "past the next close" in stale.warnings[0]
    with pytest.raises(PositionsTooOld, match="past the next close"):
        load(path, moments["stale"] + timedelta(seconds=1))


@pytest.mark.parametrize("timeliness", ["live", "delayed"])
def test_positions_that_are_not_of_the_close_age_from_their_own_time(tmp_path, timeliness):
    path = tmp_path / "live_acme.json"
    path.write_bytes(document("2026-02-27T21:00:00Z", timeliness=timeliness))

    with pytest.raises(PositionsTooOld):
        load(path, NOW)


def test_end_of_day_positions_from_the_future_are_refused(tmp_path):
    path = tmp_path / "live_acme.json"
    path.write_bytes(document("2026-03-02T21:00:00Z", timeliness="end_of_day"))

    with pytest.raises(PositionsTooOld, match="future"):
        load(path, NOW)


@pytest.mark.parametrize("seconds", [86401, 10**7, -121, -(10**6)])
def test_what_is_older_than_a_day_or_from_the_future_is_refused_with_its_age(tmp_path, seconds):
    path = written(tmp_path, seconds)

    with pytest.raises(PositionsTooOld) as caught:
        load(path, NOW)

    assert caught.value.exit_code == 7
    assert format_age(timedelta(seconds=abs(seconds))) in str(caught.value)
    assert "variance sync" in caught.value.hint
    assert STALE_MARK in load(path, NOW, any_age=True).warnings[0]


@pytest.mark.parametrize(
    "text", ["2026-03-02T15:00:00", "2026-03-02", "2026-03-02T15:00:00-05:00", "yesterday"]
)
def test_a_time_without_a_zone_or_not_in_utc_is_refused(tmp_path, text):
    path = tmp_path / "live_acme.json"
    path.write_bytes(document(text))

    with pytest.raises(DataRefused, match="fetched_at"):
        load(path, NOW)


def test_a_naive_present_is_refused_too(tmp_path):
    with pytest.raises(DataRefused, match="zone"):
        load(written(tmp_path, 0), datetime(2026, 3, 2, 15))
    with pytest.raises(DataRefused, match="zone"):
        age_of(datetime(2026, 3, 2), NOW)


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_every_age_is_fresh_or_stale_or_refused(age):
    try:
        freshness, warning = judge_age(age, where="x")
    except PositionsTooOld:
        assert age > timedelta(days=1) or age < timedelta(seconds=-120)
    else:
        assert (freshness is Freshness.STALE) == (age > timedelta(hours=1)) == (warning is not None)


@given(st.integers(-12, 14), st.timedeltas(timedelta(0), timedelta(days=1)))
def test_the_zone_in_which_a_time_is_written_does_not_change_an_age(hours, age):
    elsewhere = (NOW - age).astimezone(timezone(timedelta(hours=hours)))

    assert age_of(elsewhere, NOW) == age


def test_a_partial_document_carries_that_fact(tmp_path):
    path = tmp_path / "live_acme.json"
    path.write_bytes(
        document(
            "2026-03-02T15:00:00Z",
            status="partial",
            rejected=[{"row": 7, "reason": "side_unknown"}],
        )
    )

    assert load(path, NOW).warnings == (
        "partial: a row of the source could not be read; the totals are without them",
    )


@pytest.mark.parametrize(
    ("caution", "words"),
    [
        ("possibly_truncated", "the source may be cut off"),
        ("total_disagrees", "the source's total is not the sum of its rows"),
        ("balances_disagree", "the balances do not agree with the positions"),
    ],
)
def test_a_document_that_may_lack_rows_says_so_wherever_it_is_read(tmp_path, caution, words):
    path = tmp_path / "live_acme.json"
    path.write_bytes(
        document("2026-03-02T15:00:00Z", status="complete", flags=[{"caution": caution}])
    )

    warning = f"rows may be missing: {words} (flag {caution})"
    assert load(path, NOW).warnings == (warning,)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3600, "1 h 0 min"),
        (86399, "23 h 59 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_an_age_is_written_as_people_say_it(seconds, words):
    assert format_age(timedelta(seconds=seconds)) == words


def test_the_newest_file_is_the_one_that_states_the_newest_time(tmp_path):
    new = written(tmp_path, 10, name="live_b.json")
    old = written(tmp_path, 1000, name="live_a.json")
    (tmp_path / "live_broken.json").write_text("{")
    written(tmp_path, 0, name="other.json")
    old.touch()

    assert newest_live(tmp_path) == new


def test_a_broken_file_is_found_when_it_is_the_only_one_so_that_its_fault_is_reported(tmp_path):
    (tmp_path / "live_acme.json").write_text("{")

    assert newest_live(tmp_path) == tmp_path / "live_acme.json"


@pytest.mark.parametrize(
    "damaged",
    [b"", b"{", b"[]", b'{"meta": 1}', b'{"meta": {"fetched_at": 1}}', b'{"meta": {"fetched_at": "soon"}}', b"\xff"],
)  # fmt: skip
def test_a_file_that_states_no_time_hides_no_good_one(tmp_path, damaged):
    (tmp_path / "live_broken.json").write_bytes(damaged)
    good = tmp_path / "live_acme.json"
    good.write_bytes(document("2026-01-02T00:00:00Z"))

    assert newest_live(tmp_path) == good


def test_an_editor_s_mark_before_the_text_does_not_hide_its_time(tmp_path):
    (tmp_path / "live_old.json").write_bytes(document("2026-01-02T00:00:00Z"))
    new = tmp_path / "live_new.json"
    new.write_bytes(b"\xef\xbb\xbf" + document("2026-01-03T00:00:00Z"))

    assert newest_live(tmp_path) == new


def test_nothing_is_found_in_an_empty_or_missing_folder(tmp_path):
    assert newest_live(tmp_path) is None
    assert newest_live(tmp_path / "missing") is None
    assert newest_export(tmp_path, ".csv") is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"{}", "is missing"),
        (b"[]", "must be an object"),
        (b"%PDF-1.4", "not JSON"),
        (b"\xff\xfe", "UTF-8"),
    ],
)
def test_a_file_that_is_not_a_document_is_refused_with_its_name(tmp_path, data, reason):
    path = tmp_path / "live_acme.json"
    path.write_bytes(data)

    with pytest.raises(DataRefused, match=reason) as caught:
        load(path, NOW)
    assert caught.value.where == str(path)


def test_a_file_of_an_unknown_kind_names_what_is_missing(tmp_path):
    (tmp_path / "positions.xyz").write_text("x")

    with pytest.raises(DataRefused, match=r"no broker that reads \.xyz files"):
        load(tmp_path / "positions.xyz", NOW)


@pytest.mark.parametrize(
    ("seconds", "freshness"),
    [(7200, Freshness.FRESH), (7201, Freshness.STALE), (259200, Freshness.STALE)],
)
def test_wider_limits_have_exact_edges_too(tmp_path, seconds, freshness):
    limits = AgeLimits(fresh_for=timedelta(hours=2), readable_for=timedelta(days=3))
    snapshot = load(written(tmp_path, seconds), NOW, limits=limits)

    assert (snapshot.freshness, snapshot.limits) == (freshness, limits)


def test_what_is_older_than_the_limit_is_refused_with_the_limit(tmp_path):
    limits = AgeLimits(readable_for=timedelta(days=3))
    with pytest.raises(PositionsTooOld, match="the limit is 72 h"):
        load(written(tmp_path, 259201), NOW, limits=limits)


def test_the_configuration_sets_the_limits_and_keeps_the_default_of_what_it_leaves_out(tmp_path):
    (tmp_path / "variance.toml").write_text('[freshness]\nreadable_for = "3 d"\n')

    limits = configured_limits(read_configuration(tmp_path, None, {}))

    assert limits == AgeLimits(fresh_for=timedelta(hours=1), readable_for=timedelta(days=3))
    assert str(limits) == "fresh up to 1 h, readable up to 72 h"


@pytest.mark.parametrize(
    "text", ['fresh_for = "2 d"', 'fresh_for = "0 s"', 'readable_for = "5 min"']
)
def test_limits_that_contradict_each_other_are_refused(tmp_path, text):
    (tmp_path / "variance.toml").write_text(f"[freshness]\n{text}\n")

    with pytest.raises(ConfigurationError, match="freshness: fresh_for must be more than 0"):
        configured_limits(read_configuration(tmp_path, None, {}))
