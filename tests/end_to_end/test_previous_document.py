"""What a sync finds in the place of its output: never lost, and brought back on request."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from variance_bridge.document import exact_json

SYNC = ("sync", "--broker", "csv", "--input", "export.csv", "--output")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"my": 1}\n', "not a positions file"),
        (b"[]", "not a positions file"),
        (b"half a docu", "not a positions file"),
        (b"Symbol,Quantity\nXYZ,1\n", "not a positions file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a positions file"),
        (b'{"meta": {"schema_version": "2.0"}, "positions": []}', "version 2.0"),
        (b'{"positions": [], "meta": {"schema_version": "3.14"}}', "version 3.14"),
    ],
)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_file_that_is_not_ours_is_never_replaced(variance, export, folder, content, words, dry):
    other = folder / "other.json"
    other.write_bytes(content)

    done = variance(*SYNC, other, *dry)

    assert (done.code, words in done.err, "--output" in done.err) == (6, True, True)
    assert other.read_bytes() == content
    assert not (folder / "other.json.prev").exists()


def test_a_previous_file_that_is_not_ours_is_never_replaced(variance, export, folder):
    mine = folder / "out.json.prev"
    mine.write_text("my own notes")
    variance(*SYNC, "fresh.json")
    (folder / "fresh.json").rename(folder / "out.json")

    assert variance(*SYNC, "out.json").code == 6
    assert mine.read_text() == "my own notes"


def test_an_unreadable_file_is_not_replaced(variance, export, folder, monkeypatch):
    (folder / "out.json").write_bytes(b'{"meta": {}}')
    monkeypatch.setattr("variance_bridge.storage.replace.MAX_DOCUMENT_BYTES", 4)
    monkeypatch.setattr(
        "variance_bridge.storage.read.read_published.__kwdefaults__",
        {
            "max_bytes": 4,
            "files": __import__("variance_bridge.storage.filesystem", fromlist=["SYSTEM"]).SYSTEM,
        },
    )

    assert variance(*SYNC, "out.json").code == 6
    assert (folder / "out.json").read_bytes() == b'{"meta": {}}'


@pytest.mark.parametrize(
    "content",
    [
        b'{\n  "meta": {\n    "schema_version": "1.0",\n    "sour',
        b'{"meta": {"source": 7}, "positions": [1]}',
        b'{"positions": [], "meta": {}}',
    ],
)
def test_a_damaged_document_of_ours_is_replaced_and_kept(variance, export, folder, content):
    (folder / "out.json").write_bytes(content)

    assert variance(*SYNC, "out.json").code == 0
    assert (folder / "out.json.prev").read_bytes() == content


def test_a_damaged_document_does_not_displace_the_last_good_one(variance, export, folder):
    variance(*SYNC, "out.json")
    variance(*SYNC, "out.json")
    good = (folder / "out.json.prev").read_bytes()
    (folder / "out.json").write_bytes(good[:40])

    assert variance(*SYNC, "out.json").code == 0
    assert (folder / "out.json.prev").read_bytes() == good


@pytest.fixture
def two(variance, export, folder):
    """`out.json` with two positions, and what it held before, three of them, in `.prev`."""
    variance(*SYNC, "out.json")
    lines = export.read_text().splitlines(keepends=True)
    export.write_text("".join(lines[:-1]))
    variance(*SYNC, "out.json")
    return folder / "out.json"


def held(path):
    return len(exact_json.loads(path.read_bytes())["positions"])


@pytest.mark.parametrize("command", ["show", "triage", "validate"])
def test_the_previous_document_can_be_read_like_any_other(variance, two, command):
    assert variance(command, "out.json.prev").code == 0


@pytest.mark.parametrize("name", ["out.json", "out.json.prev"])
def test_restore_brings_the_previous_document_back_and_again_undoes_it(variance, two, name):
    before = two.with_name("out.json.prev")
    documents = two.read_bytes(), before.read_bytes()

    done = variance("restore", name)
    assert (done.code, done.err) == (0, "")
    assert "3 positions" in done.out
    assert (before.read_bytes(), two.read_bytes()) == documents

    assert json.loads(variance("restore", name, "--json").out)["restored"]["positions"] == 2
    assert (two.read_bytes(), before.read_bytes()) == documents


def test_restore_without_a_name_takes_the_newest_positions_file(variance, export, folder):
    for _ in range(2):
        variance("sync", "--broker", "csv", "--input", "export.csv")

    assert variance("restore").code == 0


@pytest.fixture
def accounts(variance, folder):
    """The positions files of two accounts, each synced twice."""
    header = "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Current Value"
    (folder / "exp").mkdir()
    for symbol in ("OLD", "NEW"):
        for number in (11112222, 33334444):
            row = f"{number},Nest egg,{symbol},A COMPANY,100,$52.00,$5200.00"
            (folder / "exp" / f"{number}.csv").write_text(f"{header}\n{row}\n")
        assert variance("sync", "exp").code == 0
    return sorted((folder / "positions").glob("live_*.json"))


def symbols(path):
    return [each["symbol"] for each in json.loads(path.read_text())["positions"]]


@pytest.mark.parametrize("arguments", [(), ("positions",), ("--json",)])
def test_restore_without_a_name_guesses_none_of_several_files(variance, accounts, arguments):
    done = variance("restore", *arguments)
    assert done.code == 2
    assert all(f"variance restore {file.relative_to(Path.cwd())}" in done.err for file in accounts)
    assert [symbols(file) for file in accounts] == [["NEW"], ["NEW"]]


def test_restore_on_a_terminal_asks_which_of_several_files(variance, accounts, monkeypatch):
    typed = io.StringIO("9\n2\n")
    typed.isatty = lambda: True
    monkeypatch.setattr("sys.stdin", typed)
    done = variance("restore")
    assert done.code == 0, done.err
    assert "the one before is" in done.err
    assert [symbols(file) for file in accounts] == [["NEW"], ["OLD"]]


def test_restore_brings_back_a_document_that_was_deleted(variance, two):
    two.unlink()

    assert variance("restore", "out.json").code == 0
    assert held(two) == 3


@pytest.mark.parametrize(
    ("prepare", "code", "words"),
    [
        (lambda path: path.with_name("out.json.prev").unlink(), 6, "no previous document"),
        (lambda path: path.with_name("out.json.prev").write_bytes(b"{}"), 6, "not a positions"),
        (lambda path: path.write_bytes(b"mine"), 6, "not a positions file"),
    ],
)
def test_a_restore_that_is_refused_changes_nothing(variance, two, prepare, code, words):
    prepare(two)
    there = {path: path.read_bytes() for path in two.parent.glob("out.json*")}

    done = variance("restore", "out.json")

    assert (done.code, words in done.err) == (code, True)
    assert {path: path.read_bytes() for path in two.parent.glob("out.json*")} == there
    assert variance("restore", "nowhere/out.json").code == 6
    assert not (two.parent / "nowhere").exists()


def test_restore_waits_for_no_sync(variance, two):
    from variance_bridge.storage.lock import output_lock

    with output_lock(two):
        assert variance("restore", "out.json").code == 8
    assert held(two) == 2


def test_an_export_of_other_positions_warns_that_it_may_be_of_another_account(
    variance, export, folder
):
    variance(*SYNC, "out.json")
    assert "another account" not in variance(*SYNC, "out.json").err
    export.write_text(export.read_text().replace("XYZ", "QQQ").replace("ABC", "IWM"))

    done = variance(*SYNC, "out.json")

    assert done.code == 0
    assert "none of the 3 positions of the file before is in this one" in done.err
    assert variance("restore", "out.json").code == 0


def test_fewer_positions_in_the_place_of_a_complete_file_are_said(variance, export, folder):
    variance(*SYNC, "out.json")
    export.write_text(
        "".join(export.read_text().splitlines(keepends=True)[:-1]) + "ABC,Stock,many\n"
    )

    done = variance(*SYNC, "out.json")

    assert done.code == 0
    assert "3 positions before, 2 now" in done.out
    assert "before" not in variance(*SYNC, "out.json").out, "the file was partial already"


_WHOLE_EXPORT = (
    '"Positions for account Joint ...724 as of 01:17 PM ET, 2025/12/0{day}"\n\n'
    '"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis","Asset Type",\n'
    '"QZA","Q","10","12.00","$120.00","$100.00","Equity",\n'
)
_REST = (
    '"QZB","Q","10","12.00","$120.00","$100.00","Equity",\n'
    '"Positions Total","","--","--","$240.00","$200.00","--",\n'
)


def test_an_export_that_was_cut_off_leaves_the_good_file_as_it_is(variance, export, folder):
    export.write_text(_WHOLE_EXPORT.format(day=3) + _REST)
    assert variance(*SYNC, "out.json").code == 0
    good = (folder / "out.json").read_bytes()
    export.write_text(_WHOLE_EXPORT.format(day=4))

    done = variance(*SYNC, "out.json")

    assert done.code == 6
    assert "1 of the 2 positions of the file before is not in this one" in done.err
    assert "move the old file away" in done.err
    assert (folder / "out.json").read_bytes() == good

    (folder / "out.json").unlink()
    done = variance(*SYNC, "out.json")
    assert (done.code, "rows may be missing" in done.out) == (0, True)


def test_a_mistyped_name_is_answered_with_the_nearest_file(variance, export, folder):
    assert variance("sync", export).code == 0
    done = variance("restore", "positions/live_cvs.json")
    assert done.code == 6
    assert "live_cvs.json: the file cannot be read: there is no such file" in done.err
    assert 'did you mean "live_csv.json"?' in done.err
