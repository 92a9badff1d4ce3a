"""A listener that is added to variance.toml: everything else in it stays."""

from __future__ import annotations

import stat
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.errors import ConfigurationError
from variance_bridge.settings.listener_choice import (
    disable_listener,
    enable_listener,
    with_listener,
    without_listener,
)

FILES = {
    "nothing": ("", ["history"]),
    "comments": ("# mine\n# too\n", ["history"]),
    "keys and tables": ('# mine\n\nbroker = "csv"\n[brokers.csv]\ndialect = "x"\n', ["history"]),
    "no newline at the end": ("[watch]\nwake = false", ["history"]),
    "other line ends": ('# mine\r\nbroker = "csv"\r\n', ["history"]),
    "a list": ('listeners = ["command"] # why\n', ["history", "command"]),
    "an empty list": ("listeners=[ ]\n", ["history"]),
    "a list over lines": ('listeners = [\n  "command", # why\n]\n', ["history", "command"]),
    "tables": ('[listeners.webhook]\nurl = "x"\n', {"webhook": {"url": "x"}, "history": {}}),
    "a text that looks like a list": ('quotes = """\nlisteners = [\n"""\n', ["history"]),
}


@pytest.mark.parametrize(("text", "listeners"), FILES.values(), ids=FILES)
def test_a_listener_is_added_and_all_else_stays(text, listeners):
    changed = with_listener(text, "history")

    assert tomllib.loads(changed) == {**tomllib.loads(text), "listeners": listeners}
    assert all(line in changed for line in text.splitlines() if line.startswith(("#", "[brokers")))


@pytest.mark.parametrize("text", [text for text, _listeners in FILES.values()], ids=FILES)
def test_a_listener_that_was_added_is_removed_again(text):
    before = tomllib.loads(text)
    after = tomllib.loads(without_listener(with_listener(text, "history"), "history"))

    assert (
        after == before if "listeners" in before else after in (before, {**before, "listeners": []})
    )


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("listeners = ['history', \"command\"]\n", 'listeners = ["command"]\n'),
        ('listeners = ["command", "history"] # why\n', 'listeners = ["command"] # why\n'),
        ("[listeners.history]\nkeep_days = 9\n\n[watch]\nwake = true\n", "[watch]\nwake = true\n"),
    ],
)
def test_only_the_listener_is_removed(tmp_path, text, left):
    file = tmp_path / "variance.toml"
    file.write_text(text)
    disable_listener(file, "history")
    assert file.read_text() == left
    disable_listener(file, "history")
    assert file.read_text() == left


def test_a_file_that_names_it_in_another_way_is_left_alone(tmp_path):
    file = tmp_path / "variance.toml"
    file.write_text("listeners = { history = { keep_days = 9 } }\n")
    with pytest.raises(ConfigurationError, match="could not be removed"):
        disable_listener(file, "history")
    assert "keep_days" in file.read_text()


@pytest.mark.parametrize("text", ['listeners = { webhook = { url = "x" } }\n', "x = [\n"])
def test_a_file_that_cannot_be_added_to_is_left_alone(tmp_path, text):
    file = tmp_path / "variance.toml"
    file.write_text(text)

    with pytest.raises(ConfigurationError, match=r"could not be added|not TOML"):
        enable_listener(file, "history")
    assert file.read_text() == text


def test_the_file_is_made_private_and_a_link_to_it_stays_a_link(tmp_path):
    target = tmp_path / "dotfiles" / "variance.toml"
    target.parent.mkdir()
    link = tmp_path / "variance.toml"
    link.symlink_to(target)
    enable_listener(link, "history")

    assert link.is_symlink()
    assert target.read_text() == 'listeners = ["history"]\n'
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_listener_that_is_named_already_changes_nothing(tmp_path):
    file = tmp_path / "variance.toml"
    file.write_text('listeners = ["history"]  # mine\n')
    before = file.stat()
    enable_listener(file, "history")

    assert file.stat() == before


@given(
    st.lists(
        st.sampled_from(
            [
                "# a",
                "",
                'broker = "csv"',
                "[watch]",
                "wake = true",
                'listeners = ["command"]',
                "[listeners.command]",
            ]
        ),
        max_size=8,
    ).map("\n".join)
)
def test_whatever_the_file_says_is_kept_or_the_file_is_refused(text):
    try:
        stated = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    changed = with_listener(text, "history")

    assert changed is not None
    found = tomllib.loads(changed)
    assert "history" in found["listeners"]
    assert {**found, "listeners": None} == {**stated, "listeners": None}
