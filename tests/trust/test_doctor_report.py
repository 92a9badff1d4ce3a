"""What `variance doctor` prints may be pasted into a public issue, whatever is wrong, and is a list of findings all the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from variance_bridge.cli.error_report import run

OWNER = "jane.doe"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """The home folder of somebody whose name is its name, with configuration and positions in it."""
    place = tmp_path / OWNER
    configuration = place / ".config"
    (place / "positions").mkdir(parents=True, mode=0o700)
    configuration.mkdir(mode=0o700)
    (configuration / "variance.toml").write_text(
        f'broker = "csv"\noutput_dir = "{place}/positions"\n'
    )
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(configuration))
    monkeypatch.chdir(place)
    return place


def open_key(home: Path) -> None:
    (home / ".config/installation.key").write_text("x")
    (home / ".config/installation.key").chmod(0o644)


def broken_configuration(home: Path) -> None:
    (home / ".config/variance.toml").write_text(f'[[[ "{OWNER}" secret-canary')


def broken_positions(home: Path) -> None:
    (home / "positions/live_csv.json").write_text(f'{{"meta": "{OWNER} secret-canary"}}')


def impossible_folder(home: Path) -> None:
    (home / ".config/variance.toml").write_text(
        f'broker = "csv"\noutput_dir = "{home}/.config/variance.toml/positions"\n'
    )


def open_folder(home: Path) -> None:
    (home / "positions").chmod(0o755)


def nothing(_home: Path) -> None:
    pass


TROUBLES = (
    nothing, open_key, broken_configuration, broken_positions, impossible_folder, open_folder,
)  # fmt: skip


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["text", "json"])
def test_the_home_folder_and_what_is_in_files_is_never_shown(home, capsys, trouble, flags):
    trouble(home)
    code = run(["doctor", "--offline", *flags])
    told = capsys.readouterr()

    assert code in {0, 3}
    assert OWNER not in told.out + told.err
    assert "canary" not in told.out + told.err
    if flags:
        assert json.loads(told.out)["findings"]


def test_the_command_that_repairs_can_be_pasted_into_a_shell(home, capsys):
    open_key(home)

    assert run(["doctor", "--offline"]) == 3
    assert "chmod 600 ~/'.config/installation.key'" in capsys.readouterr().out
