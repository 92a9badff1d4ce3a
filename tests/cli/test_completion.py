"""The tab key: what the shell offers, and where its script is put."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from variance_bridge.cli.error_report import run
from variance_bridge.document import exact_json

PROFILES = '[profiles.ira]\nbroker = "csv"\n[profiles.taxed]\nbroker = "csv"\n'


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with positions, and a configuration with profiles."""
    configuration = tmp_path / "configuration"
    configuration.mkdir(mode=0o700)
    (configuration / "variance.toml").write_text(PROFILES)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(configuration))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "positions").mkdir()
    for name, digits in (("a", "a1b2c3d4e5f6***"), ("b", "0f1e2d3c4b5a***")):
        document = {
            "meta": {
                "source": "acme",
                "fetched_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "account_hash": digits,
            },
            "positions": [
                {
                    "root": f"SP{name.upper()}",
                    "symbol": "X",
                    "type": "stock",
                    "side": "long",
                    "quantity": 1,
                }
            ],
        }
        (tmp_path / "positions" / f"live_{name}.json").write_bytes(exact_json.dumps(document))
    (tmp_path / "positions" / "live_c.json").write_text("damaged")
    return tmp_path


@pytest.fixture
def offered(place, monkeypatch, capsys):
    def press(line):
        words = line.split(" ")
        monkeypatch.setenv("_VARIANCE_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        capsys.readouterr()
        assert run([]) == 0
        done = capsys.readouterr()
        assert done.err == ""
        return done.out.split()

    return press


def test_the_label_of_an_account_is_offered_as_a_word_of_the_shell(offered, place):
    labelled = PROFILES + '[accounts]\na1b2 = "Roth IRA"\n'
    (place / "configuration" / "variance.toml").write_text(labelled)
    assert offered("variance show --account ro") == ["plain,Roth-IRA"]


def test_how_the_completion_begins_is_broken_at_words_and_its_command_is_not(
    place, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "40")
    assert run(["completion", "bash", "--install"]) == 0
    *words, command = capsys.readouterr().err.splitlines()
    assert max(map(len, words)) < 40
    assert command.startswith("`source ")
    assert command.endswith("/variance`")


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("variance sy", ["plain,sync"]),
        ("variance sync --broker csv", ["plain,csv"]),
        ("variance sync --broker SCHW", ["plain,schwab"]),
        ("variance auth set --broker cs", ["plain,csv"]),
        ("variance sync --profile ", ["plain,ira", "plain,taxed"]),
        ("variance sync --account a1", ["plain,a1b2c3d4e5f6"]),
        ("variance triage --account ", ["plain,a1b2c3d4e5f6", "plain,0f1e2d3c4b5a"]),
        ("variance show --root sp", ["plain,SPA", "plain,SPB"]),
        ("variance show --sort da", ["plain,days", "plain,day"]),
        ("variance export --format b", ["plain,beancount"]),
        ("variance triage --fail-on ha", ["plain,HARVEST"]),
        ("variance triage --fail-on DEFENSE,GAMMA,E", ["plain,DEFENSE,GAMMA,EXPIRING"]),
        ("variance triage --fail-on an", ["plain,any"]),
        ("variance auth set --broker tradier tr", ["plain,TRADIER_ACCESS_TOKEN"]),
        ("variance auth set --broker nosuchbroker ", []),
        ("variance auth clear --broker tradier tr", ["plain,TRADIER_ACCESS_TOKEN"]),
        ("variance show posi", ["file,posi"]),
        ("variance posi", ["file,posi"]),
        ("variance diff posi", ["file,posi"]),
        ("variance diff mo", ["plain,monday"]),
        ("variance diff monday t", ["plain,today", "plain,tuesday", "plain,thursday"]),
        ("variance history --since ye", ["plain,yesterday"]),
        ("variance history en", ["plain,enable"]),
        ("variance completion ", ["plain,bash", "plain,zsh", "plain,fish"]),
    ],
)
def test_the_tab_key_offers_what_there_is(offered, line, values):
    assert offered(line) == values


def test_nothing_is_offered_where_the_configuration_is_broken(offered, place):
    (place / "configuration" / "variance.toml").write_text("= broken")
    assert offered("variance sync --profile ") == []


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", ".local/share/bash-completion/completions/variance"),
        ("zsh", ".zfunc/_variance"),
        ("fish", ".config/fish/completions/variance.fish"),
    ],
)
def test_the_script_is_printed_and_installed(place, capsys, shell, file):
    assert run(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert "_VARIANCE_COMPLETE" in printed

    for _again in range(2):
        assert run(["completion", shell, "--install"]) == 0
        assert capsys.readouterr().out == f"{place / 'home' / file}\n"
    assert (place / "home" / file).read_text().strip() == printed.strip()
    assert stat.S_IMODE((place / "home" / file).stat().st_mode) & 0o400


def test_a_file_that_we_did_not_write_is_kept(place, capsys):
    file = place / "home" / ".zfunc" / "_variance"
    file.parent.mkdir(parents=True)
    file.write_text("mine")

    assert run(["completion", "zsh", "--install"]) == 2
    assert file.read_text() == "mine"
    assert str(file) in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash on this machine")
def test_bash_itself_completes_with_the_script(place, tmp_path):
    command = tmp_path / "bin" / "variance"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m variance_bridge "$@"\n')
    command.chmod(0o700)
    script = (
        "source <(variance completion bash)\nCOMP_WORDS=(variance sync --profile i)\nCOMP_CWORD=3\n"
        '_variance_completion variance\necho "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"},
        cwd=Path(place),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ira\n"
