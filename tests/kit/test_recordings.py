"""The files of recordings: read with words about what is wrong, written so that they read back as they were."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from variance_bridge.document import exact_json
from variance_bridge.errors import DataRefused
from variance_bridge.testing import Exchange, Recording, read_recordings
from variance_bridge.testing.recordings import as_recordings, read_recording, recording_text

GOOD = {"format": 1, "taken_at": "2026-01-15T15:00:00Z", "exchanges": []}


def written(tmp_path, table, name="one.json"):
    file = tmp_path / name
    file.write_text(table if isinstance(table, str) else json.dumps(table))
    return file


def test_a_recording_that_is_written_reads_back_as_it_was(tmp_path):
    recording = Recording(
        name="one.json",
        title="two answers",
        taken_at=datetime(2026, 1, 15, 15, tzinfo=UTC),
        settings={"paper": True},
        exchanges=(
            Exchange(
                method="GET",
                url="https://api.acme.example/v1/x?a=1",
                headers={"content-type": "application/json"},
                body=exact_json.dumps({"price": Decimal("0.10000000000000000001"), "none": None}),
            ),
            Exchange(
                method="POST", url="https://api.acme.example/token", status=503, body=b"<html>"
            ),
        ),
        expected=({"positions": []},),
    )
    file = tmp_path / "one.json"
    file.write_bytes(recording_text(recording))

    assert read_recording(file) == recording


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("nonsense", "not JSON"),
        ([], "must be a JSON object"),
        ({**GOOD, "exchange": []}, "a member that is not known: exchange"),
        ({**GOOD, "format": 2}, "`format` must be 1"),
        ({**GOOD, "file": "x.csv"}, "either `exchanges` or `file`"),
        ({"format": 1, "taken_at": "2026-01-15T15:00:00Z"}, "either `exchanges` or `file`"),
        ({**GOOD, "taken_at": "2026-01-15T15:00:00"}, "with its zone"),
        ({**GOOD, "taken_at": None}, "with its zone"),
        ({**GOOD, "exchanges": [{"json": {}}]}, "an exchange needs its `url`"),
        ({**GOOD, "exchanges": [{"url": "x", "json": {}, "text": ""}]}, "either `json` or `text`"),
        ({**GOOD, "exchanges": [{"url": "x", "body": ""}]}, "a member that is not known: body"),
        ({**GOOD, "expected": {}}, "one object for each account"),
    ],
)
def test_what_is_wrong_with_a_recording_is_reported_with_its_name(tmp_path, table, problem):
    with pytest.raises(DataRefused) as caught:
        read_recording(written(tmp_path, table))

    assert problem in str(caught.value)
    assert str(caught.value).startswith("one.json: not a recording")


def test_a_recording_of_a_file_holds_its_bytes_and_its_name(tmp_path):
    (tmp_path / "export.csv").write_bytes(b"\xef\xbb\xbfSymbol\r\n")
    del (table := dict(GOOD))["exchanges"]

    recording = read_recording(written(tmp_path, {**table, "file": "export.csv"}))
    assert (recording.file_name, recording.file) == ("export.csv", b"\xef\xbb\xbfSymbol\r\n")


def test_a_recording_of_a_file_that_is_not_there_says_so(tmp_path):
    del (table := dict(GOOD))["exchanges"]

    with pytest.raises(DataRefused, match="No such file"):
        read_recording(written(tmp_path, {**table, "file": "export.csv"}))


def test_recordings_come_by_name_and_an_empty_folder_is_reported_as_such(tmp_path):
    with pytest.raises(DataRefused, match="there is no recording"):
        read_recordings(tmp_path)
    written(tmp_path, GOOD, "b.json")
    written(tmp_path, GOOD, "a.json")

    assert [one.name for one in read_recordings(tmp_path)] == ["a.json", "b.json"]


@pytest.mark.parametrize("payloads", [None, 7, [], [{}], {}])
def test_payloads_that_are_neither_a_folder_nor_recordings_are_refused(payloads):
    with pytest.raises(DataRefused, match="`payloads` must be a folder"):
        as_recordings(payloads)


def test_recordings_that_are_given_are_taken_as_they_are():
    recording = Recording(name="x", taken_at=datetime(2026, 1, 15, tzinfo=UTC))

    assert as_recordings([recording]) == (recording,)
