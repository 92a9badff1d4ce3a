"""The listener `command`: what the program is given, and that nothing it does is more than a warning."""

from __future__ import annotations

import os
import shlex
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from variance_bridge import (
    ConfigurationError,
    Counts,
    Holding,
    Meta,
    Portfolio,
    RejectedRow,
    Rejection,
    Side,
    Status,
)
from variance_bridge.cli.error_report import run
from variance_bridge.symbology import InstrumentType
from variance_bridge_notify.command_listener import (
    PLACEHOLDERS,
    CommandSettings,
    variance_bridge_synced,
)

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PORTFOLIO = Portfolio(
    meta=Meta(
        source="acme",
        fetched_at=datetime(2026, 1, 15, 15, 0, 0, 250_000, tzinfo=UTC),
        account_hash="a1b2***",
        status=Status.PARTIAL,
        counts=Counts(fetched=2, normalized=1, closed=0, rejected=1),
        rejected=(RejectedRow(row=2, reason=Rejection.UNREADABLE_ROW),),
    ),
    positions=(
        Holding(root="F", symbol="F", type=InstrumentType.STOCK, side=Side.LONG, quantity=1),
    ),
)


def listen(*command: str, timeout: timedelta = timedelta(seconds=30)) -> None:
    settings = CommandSettings(run=command, timeout=timeout)
    variance_bridge_synced(PORTFOLIO, Path("positions/live_acme.json"), settings)


def script(tmp_path, text: str) -> str:
    file = tmp_path / "program"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o700)
    return str(file)


def test_every_placeholder_is_filled_in_and_no_shell_sees_it(tmp_path):
    program = script(tmp_path, f'printf "%s\\n" "$@" > {shlex.quote(str(tmp_path / "given"))}')
    arguments = [f"{name}={{{name}}}" for name in PLACEHOLDERS]

    listen(program, *arguments, "$(touch pwned); *", "{{path}}", "")

    assert (tmp_path / "given").read_text().splitlines() == [
        "path=positions/live_acme.json",
        "account_hash=a1b2***",
        "source=acme",
        "status=partial",
        "positions=1",
        "rejected=1",
        "fetched_at=2026-01-15T15:00:00Z",
        "$(touch pwned); *",
        "{path}",
        "",
    ]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("{positons}", 'unknown placeholder {positons} (did you mean "positions"?)'),
        ("{net}", "unknown placeholder {net} (known: path, account_hash, "),
        ("{path.parent}", "unknown placeholder"),
        ("{path!r}", "unknown placeholder"),
        ("{positions:>9999999}", "unknown placeholder"),
        ("{positions:{rejected}}", "unknown placeholder"),
        ("{}", "unknown placeholder"),
        ("{path", "single brace"),
        ("}", "single brace"),
        ("\0", "NUL"),
    ],
)
def test_anything_else_in_braces_is_refused_beforehand(argument, words):
    with pytest.raises(ValueError, match=r"placeholder|brace|NUL") as caught:
        CommandSettings(run=("notify-send", argument))

    assert words in str(caught.value)


@pytest.mark.parametrize("changes", [{"run": ()}, {"run": ("",)}, {"timeout": timedelta(0)}])
def test_settings_that_make_no_sense_are_refused(changes):
    with pytest.raises(ValueError, match="must"):
        CommandSettings(**{"run": ("true",), **changes})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("exit 3", "the program `program` ended with exit code 3; `-v` shows its output"),
        ("kill -9 $$", "the program `program` was stopped by signal 9; `-v` shows its output"),
    ],
)
def test_a_program_that_fails_is_named_without_its_folder(tmp_path, text, words):
    with pytest.raises(ConfigurationError) as caught:
        listen(script(tmp_path, text))

    assert str(caught.value) == words


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="`nowhere` cannot be started: No such file"):
        listen(str(tmp_path / "nowhere"))


def test_a_program_that_takes_too_long_is_stopped_with_what_it_started(tmp_path):
    children = tmp_path / "child"
    program = script(tmp_path, f"sleep 600 & echo $! > {shlex.quote(str(children))}; wait")

    with pytest.raises(ConfigurationError, match=r"took longer than 0\.5 s and was stopped"):
        listen(program, timeout=timedelta(seconds=0.5))

    child = int(children.read_text())
    for _ in range(500):
        if not is_running(child):
            return
        time.sleep(0.02)
    pytest.fail("what the program started is still running")


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_the_readme_lists_exactly_the_placeholders():
    rows = [line.split("`")[1] for line in README.splitlines() if line.startswith("| `{")]

    assert rows == [f"{{{name}}}" for name in PLACEHOLDERS]


EXPORT = """\
Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,Underlying Last Price,P/L Open,Cost,beta_delta,Bid,Ask,Mark
XYZ,Stock,100,,,,,52.00,200.00,5000.00,100,51.99,52.01,52.00
"""


@pytest.fixture
def sync(tmp_path, monkeypatch, capfd):
    """A sync of one position with the program as listener; gives exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACME_TOKEN", "canary")
    (tmp_path / "export.csv").write_text(EXPORT)

    def call(settings: str, *options: str) -> tuple[int, str, str]:
        (tmp_path / "mine.toml").write_text(f"[listeners.command]\n{settings}\n")
        capfd.readouterr()
        code = run(
            ["--config", "mine.toml", *options, "sync", "--broker", "csv", "--input", "export.csv"]
        )
        return code, *capfd.readouterr()

    return call


def test_the_program_gets_no_secret_and_nothing_to_read(sync, tmp_path):
    program = script(tmp_path, "env > seen; cat >> seen")

    code, _out, err = sync(f'run = ["{program}"]')

    assert (code, "listener" in err) == (0, False), err
    seen = (tmp_path / "seen").read_text()
    assert "PATH=" in seen
    assert "canary" not in seen
    assert os.environ["ACME_TOKEN"] == "canary"


def test_the_output_of_the_program_is_shown_with_v_only_and_never_among_the_results(sync, tmp_path):
    program = script(tmp_path, "echo said; echo complained >&2")

    code, out, err = sync(f'run = ["{program}"]')
    assert (code, "said" in out + err, "complained" in out + err) == (0, False, False)
    code, out, err = sync(f'run = ["{program}"]', "-v")
    assert (code, "said" in err, "complained" in err, "said" in out) == (0, True, True, False)


def test_a_failing_program_is_a_warning_and_the_sync_succeeds(sync, tmp_path):
    code, out, err = sync(f'run = ["{script(tmp_path, "exit 3")}"]')

    assert (code, "1 position" in out) == (0, True)
    assert "Warning: listener `command` (variance-bridge-notify 0.1.0): the program" in err
    assert (tmp_path / "positions" / "live_csv.json").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("", "listeners.command.run: is missing"),
        ('run = "notify-send"', "listeners.command.run: must be a list"),
        ('run = ["x", "{nte}"]', "listeners.command.run: unknown placeholder {nte}"),
        ('run = ["x"]\ntimeout = "soon"', "listeners.command.timeout: must be a length of time"),
    ],
)
def test_wrong_settings_stop_the_sync_before_it_begins(sync, tmp_path, settings, words):
    code, _out, err = sync(settings)

    assert (code, words in err) == (3, True), err
    assert not (tmp_path / "positions").exists()
