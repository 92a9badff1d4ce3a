"""What a manifest names, and which line of it cannot be read."""

from __future__ import annotations

import os

import pytest

from variance_bridge_fleet.manifest import in_words, read_manifest


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a/one.csv", "a/b/two.csv", "three.csv"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    return tmp_path


def read(folder, text, name="fleet.toml"):
    file = folder / "sub" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return read_manifest(str(file))


def test_patterns_are_relative_to_the_manifest_and_name_each_file_once(folder):
    found = read(folder, 'inputs = ["../a/**/*.csv", "../a/one.csv"]\n')

    assert sorted(each.file.name for each in found.inputs) == ["one.csv", "two.csv"]
    assert found.unreadable == ()


def test_settings_are_those_of_the_broker_of_the_ending(folder):
    text = 'inputs = ["../three.csv"]\n[settings.csv]\ndialect = "schwab"\nstrict = true\n[settings.other]\nx = 1\n'
    (found,) = read(folder, text).inputs

    assert found.settings == {"dialect": "schwab", "strict": "true"}


def test_a_profile_is_an_input_too(folder):
    (found,) = read(folder, '[[profile]]\nname = "ira"\n').inputs

    assert (found.profile, found.file) == ("ira", None)


def test_a_pattern_needs_no_manifest(folder):
    assert len(read_manifest("a/**/*.csv").inputs) == 2
    assert read_manifest("none/*.csv").inputs == ()


def test_a_list_of_files_may_name_the_broker(folder):
    found = read(folder, "input,broker,profile\n../three.csv,acme,\n,,ira\n", "fleet.csv")

    assert [(each.broker, each.profile) for each in found.inputs] == [("acme", None), (None, "ira")]


@pytest.mark.parametrize(
    ("text", "name", "line"),
    [
        ('inputs = ["../a/*.csv"]\nbroken\n', "x.toml", 2),
        ('inputs = [\n"../a/*.csv",\n"../none/*.csv"]\n', "x.toml", 3),
        ("inputs = []\n\nunknown = 1\n", "x.toml", 3),
        ("inputs = 5\n", "x.toml", 1),
        ('inputs = []\n[[profile]]\nnick = "x"\n', "x.toml", 2),
        ("settings = 3\n", "x.toml", 1),
        ("input\n../three.csv\n../gone.csv\n", "x.csv", 3),
        ("input,profile\n../three.csv,ira\n", "x.csv", 2),
        ("input,profile\n,\n", "x.csv", 2),
        ("input\n../three.csv,more\n", "x.csv", 2),
        ("file\n../three.csv\n", "x.csv", 1),
        ('input\n"../three.csv\n', "x.csv", 2),
    ],
)
def test_a_line_that_cannot_be_read_is_named_by_its_number(folder, text, name, line):
    found = read(folder, text, name)

    assert [each.line for each in found.unreadable] == [line]
    assert f"line {line}" in in_words(found.unreadable)


def test_the_key_of_an_input_is_the_same_in_every_run_and_another_for_every_input(folder):
    first, again = (read(folder, 'inputs = ["../**/*.csv"]\n').inputs for _ in range(2))

    assert [each.key for each in first] == [each.key for each in again]
    assert len({each.key for each in first}) == len(first) == 3


def test_what_looks_like_an_account_number_is_not_shown(folder):
    (folder / "12345678").mkdir()
    (folder / "12345678" / "positions_99887766.csv").write_text("x")
    (found,) = read(folder, 'inputs = ["../12345678/*.csv"]\n').inputs

    assert "12345678" not in found.shown
    assert "99887766" not in found.shown


def test_a_manifest_of_other_bytes_than_utf_8_is_named_by_its_line(folder):
    for name in ("x.toml", "x.csv"):
        (folder / name).write_bytes(b"inputs = []\n# caf\xe9\n")
        (found,) = read_manifest(str(folder / name)).unreadable
        assert (found.line, found.what) == (2, "this is not UTF-8")


def test_a_file_is_read_once_under_whatever_names_it_is_listed(folder):
    (folder / "link.csv").symlink_to(folder / "three.csv")
    (folder / "hard.csv").hardlink_to(folder / "three.csv")
    (folder / "way").symlink_to(folder / "a")
    names = ["../three.csv", "../a/../three.csv", "../link.csv", "../hard.csv", "../way/one.csv"]
    names += [str(folder / "three.csv"), "../a/one.csv", "../three.csv"]
    found = read(folder, "\n".join(["input", *names, ""]), "fleet.csv")

    assert [each.file.name for each in found.inputs] == ["three.csv", "one.csv"]
    assert found.unreadable == ()


@pytest.mark.parametrize(
    "name", ["../gone\x00.csv", "../" + "x" * 300 + ".csv", "../a", "../loop/x.csv"]
)
def test_a_name_that_cannot_be_a_file_is_an_unreadable_line(folder, name):
    (folder / "loop").symlink_to("loop")
    found = read(folder, f"input\n{name}\n", "fleet.csv")

    assert [each.line for each in found.unreadable] == [2]


def test_a_name_that_is_not_text_has_a_key_and_can_be_shown(folder):
    odd = os.fsdecode(b"odd-\xff\n.csv")
    (folder / odd).write_text("x")
    found = read(folder, 'inputs = ["../*.csv"]\n')
    shown = {each.file.name: each.shown for each in found.inputs}

    assert len({each.key for each in found.inputs}) == 2
    shown[odd].encode("utf-8")
    assert "\n" not in shown[odd]


@pytest.mark.slow
def test_a_manifest_of_a_million_lines_is_read(folder):
    lines = ["input", *(f"../gone/{number}.csv" for number in range(1_000_000))]
    found = read(folder, "\n".join(lines), "fleet.csv")

    assert len(found.unreadable) == 1_000_000
    assert in_words(found.unreadable).endswith("more lines")
