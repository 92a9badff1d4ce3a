"""What a terminal shows while a command works: what is being done, for one account too, and nothing where it is quick."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from variance_bridge.cli import progress_line
from variance_bridge.cli.invocation import Invocation
from variance_bridge.cli.progress import shown_progress, waiting


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def screen(monkeypatch):
    """Put a terminal in the place of stderr (in the test itself: between fixture and test pytest puts its own there)."""

    def screen(moment=-1):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(progress_line, "MOMENT", moment)
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        return terminal

    return screen


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("accounts", "Reading accounts"),
        ("fetch", "Reading positions"),
        ("quotes", "Reading quotes"),
    ],
)
def test_a_sync_of_one_account_says_what_it_does(screen, stage, words):
    terminal = screen()
    with shown_progress(Invocation()) as progress:
        progress.stage(stage, "a1b2***")
        progress.accounts(0, 1, "")
    assert words in terminal.getvalue()
    assert "of 1" not in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")  # and it is gone when the sync is done


def test_a_file_that_is_read_is_named_without_its_account_number(screen):
    terminal = screen()
    with shown_progress(Invocation(), Path("folder/positions_12345678.csv")) as progress:
        progress.stage("accounts", "csv")
    assert "Reading positions_***.csv" in terminal.getvalue()


def test_a_long_file_says_how_many_rows_are_read(screen):
    terminal, rows = screen(), [None] * 23_000
    invocation = Invocation()
    with shown_progress(invocation, Path("pos.csv")) as progress:
        progress.stage("accounts", "csv")
        invocation.gauge("rows", rows.__len__, 60_000)
        invocation.speak("")  # draws again
    assert "Reading pos.csv: row 23,000 of 60,000" in terminal.getvalue()


def test_the_next_stage_does_not_show_the_count_of_the_last(screen):
    terminal = screen()
    invocation = Invocation()
    with shown_progress(invocation, Path("pos.csv")) as progress:
        invocation.gauge("rows", lambda: 7, 0)
        progress.stage("publish", "x")
        terminal.truncate(0)
        invocation.speak("")
    assert "Saving" in terminal.getvalue()
    assert "row " not in terminal.getvalue()


def test_a_count_is_asked_for_only_when_the_line_is_drawn():
    asked = []
    Invocation().gauge("rows", lambda: asked.append(1) or 1, 2)
    assert asked == []


def test_of_several_accounts_it_says_which(screen):
    terminal = screen()
    with shown_progress(Invocation()) as progress:
        progress.stage("fetch", "a1b2***")
        progress.accounts(1, 3, "a1b2***")
    assert "Reading positions: account 2 of 3" in terminal.getvalue()


def test_what_is_quick_draws_nothing(screen):
    terminal = screen(moment=60)
    with waiting("Fetching the rates"):
        pass
    with shown_progress(Invocation()) as progress:
        progress.stage("fetch", "a1b2***")
    assert not {"Fetching", "Reading"} & set(terminal.getvalue().split())


def test_a_pipe_gets_nothing(monkeypatch):
    pipe = io.StringIO()
    monkeypatch.setattr("sys.stderr", pipe)
    with waiting("Fetching the rates"), shown_progress(Invocation()) as progress:
        progress.stage("fetch", "a1b2***")
    assert pipe.getvalue() == ""


def test_a_warning_above_the_line_is_coloured_and_wrapped_at_words(screen, monkeypatch):
    terminal = screen()
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)
    invocation = Invocation()
    with shown_progress(invocation):
        invocation.warn('export.csv: the column "Fantasy Number" is not read')

    assert "\x1b[1;33mWarning:\x1b[0m export.csv: the column" in terminal.getvalue()
    assert '\n  "Fantasy Number" is not read' in terminal.getvalue().replace("\r", "")
