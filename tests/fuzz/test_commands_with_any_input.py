"""Whatever a file holds and is called, a command ends with a documented code and says nothing that a terminal obeys."""

from __future__ import annotations

import io
import random
from itertools import islice
from pathlib import Path

import pytest
from fuzz_mutation import inputs
from fuzz_targets import seeds

from variance_bridge.cli.error_report import run

pytestmark = pytest.mark.slow

SEED = 20260302
DOCUMENTED = frozenset({0, 2, 3, 4, 5, 6, 7, 8})
"""The exit codes of docs/cli.md, without 1: that is a bug."""

NOISE = (b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\n" * 5000, b"\x1b[2J\x1b]0;owned\x07" * 20, bytes(range(256)) * 8)  # fmt: skip


@pytest.fixture
def variance(tmp_path, monkeypatch, capsys, caplog):
    """Run the command in this process; its code is documented and its words are fit for a terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    caplog.set_level("CRITICAL")

    def call(*arguments):
        capsys.readouterr()
        monkeypatch.setattr("sys.stdin", io.StringIO())
        code = run([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert code in DOCUMENTED, (code, arguments, err)
        assert "Traceback" not in err
        assert "failed while" not in err, (arguments, err)
        obeyed = {sign for sign in out + err if sign != "\n" and not sign.isprintable()}
        assert obeyed == set(), (arguments, obeyed)
        return code

    return call


def noise(*corpora, count):
    """Odd bytes, and mutants of inputs that are nearly right."""
    yield from NOISE
    yield random.Random(SEED).randbytes(3000)
    for name in corpora:
        known = seeds(name)
        yield from islice(inputs(known, SEED), len(known), len(known) + count)


def written(name, data):
    path = Path(name)
    path.write_bytes(data)
    path.chmod(0o600)
    return path


COMMANDS = {
    "an export for sync": (("sync", "--broker", "csv", "--output", "o.json", "--input"), "x.csv", ("csv",), 60),
    "an export for show": (("show", "--any-age"), "x.csv", ("csv",), 60),
    "an export for triage": (("triage", "--any-age"), "x.csv", ("csv",), 30),
    "an export for accounts": (("accounts", "--broker", "csv", "--input"), "x.csv", ("csv",), 20),
    "a document for show": (("show", "--any-age"), "x.json", ("document",), 60),
    "a document for triage": (("triage", "--any-age", "--json"), "x.json", ("document",), 40),
    "a document for validate": (("validate",), "x.json", ("document", "csv"), 60),
    "a document for the report in SARIF": (("validate", "--format", "sarif"), "x.json", ("document",), 20),
    "a file without an ending": (("show",), "x", ("document",), 10),
}  # fmt: skip


@pytest.mark.parametrize("role", list(COMMANDS))
def test_any_bytes_in_a_file_end_in_a_documented_code(variance, role):
    command, name, corpora, count = COMMANDS[role]
    for data in noise(*corpora, count=count):
        variance(*command, written(name, data))


def test_any_bytes_as_the_file_that_a_sync_would_replace_end_in_a_documented_code(variance):
    good = written("x.csv", seeds("csv")[-1])
    for data in noise("document", count=25):
        written("o.json", data)
        variance("sync", "--broker", "csv", "--input", good, "--output", "o.json")


def test_any_bytes_as_configuration_end_in_a_documented_code(variance):
    for data in noise("configuration", count=25):
        file = written("variance.toml", data)
        for command in (("brokers",), ("sync", "--dry-run"), ("doctor", "--offline")):
            variance("--config", file, *command)


def test_any_bytes_as_a_dialect_end_in_a_documented_code(variance, tmp_path, monkeypatch):
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "csv").mkdir()
    export = written("x.csv", seeds("csv")[-1])
    for data in noise("dialect", count=30):
        written("csv/mine.toml", data)
        variance("sync", "--broker", "csv", "--input", export, "--dry-run")


def test_any_bytes_as_env_file_end_in_a_documented_code(variance):
    for data in noise("env", count=30):
        written(".env", data)
        variance("auth", "status", "--broker", "tastytrade")


def test_any_bytes_in_the_configuration_folder_end_in_a_documented_code(
    variance, tmp_path, monkeypatch
):
    folder = tmp_path / "configuration"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(folder))
    written("x.csv", seeds("csv")[-1])
    variance("sync", "--broker", "csv", "--input", "x.csv", "--dry-run")
    for kept in [*folder.iterdir(), folder / "consents.json", folder / "installation.key"]:
        before = kept.read_bytes() if kept.exists() else b"[]"
        for data in (*NOISE[::2], before[:-3], before * 2, b"{" + before):
            written(kept, data)
            variance("sync", "--broker", "csv", "--input", "x.csv", "--dry-run")
            variance("doctor", "--offline")
        kept.unlink()


NAMES = ("\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "two\nlines", "tab\tand\rreturn", "\u202eright to left", "\udcff\udc80", "zero\u200bwidth",
         "-", "--help", "a" * 255, "'; rm -rf x", "%s%n{0}", "[red]markup[/red]", "\x9b31m", "~", "*")  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_of_a_file_is_shown_harmlessly(variance, name):
    good = {".json": seeds("document")[1], ".csv": seeds("csv")[-1]}
    for ending, data in good.items():
        called = f"{name}{ending}"[-255:]
        for exists in (False, True):
            if exists:
                written(called, data)
            for command in (
                ("validate", "--"), ("validate", "--json", "--"), ("validate", "--format", "junit", "--"),
                ("show", "--any-age", "--"),
            ):  # fmt: skip
                variance(*command, called)
            variance("sync", "--broker", "csv", f"--input={called}", "--output", "o.json")
            variance("sync", "--broker", "csv", "--input", "o.csv", f"--output={called}")
            variance(f"--config={called}", "brokers")
    written("good.csv", good[".csv"])
    called = f"{name}.out"[-240:]
    variance("sync", "--broker", "csv", "--input", "good.csv", f"--output={called}", "--json")
    variance("-v", "sync", "--broker", "csv", "--input", "good.csv", f"--output={called}")


@pytest.mark.parametrize("word", NAMES, ids=ascii)
def test_any_word_of_the_command_line_is_shown_harmlessly(variance, word):
    for arguments in (
        (word,), (word, word), ("sync", word), ("sync", f"--broker={word}"), ("sync", f"--profile={word}"),
        ("sync", "--broker", "csv", f"--set={word}"), ("sync", "--broker", "csv", f"--set={word}={word}"),
        ("sync", "--broker", "csv", f"--set=dialect={word}", "--input", "x.csv"), ("auth", word),
        ("auth", "set", "--broker", "tastytrade", "--", word), ("validate", f"--format={word}", "x"), (f"--{word}",),
        ("sync", "--broker", "csv", f"--quotes={word}"), ("show", "--", word, word), ("doctor", "--offline", f"--broker={word}"),
    ):  # fmt: skip
        if arguments != ("--",):
            variance(*arguments)


def test_escapes_in_cells_never_reach_the_screen(variance):
    escape = "\x1b[31m\x1b]0;owned\x07\u202e\x9b2J=HYPERLINK(1)"
    header = "Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,Cost,Mark,Sector,Open Date"
    good = ["QZZ", "Stock", "1", "", "", "", "5", "6", "Energy", "2026-01-02"]
    rows = [
        [escape + cell if i == place else cell for i, cell in enumerate(good)]
        for place in range(10)
    ]
    rows += [["OTHER" + escape, "Thing", *good[2:]], ["QZ\u202eA", "Warrant", *good[2:]]]
    # So many good rows that the bad ones are below the share at which a file is refused as a whole.
    rows += [[f"Q{first}{second}", *good[1:]] for first in "ABCDEFGH" for second in "ABCDEFGH"]
    text = "\n".join([header, ",".join(good), *(",".join(row) for row in rows)])
    file = written("x.csv", text.encode())

    assert variance("sync", "--broker", "csv", "--input", file, "--output", "o.json") == 0
    assert b"\x1b" not in Path("o.json").read_bytes()
    assert variance("show", file) == 0
    for arguments in (
        ("show", "o.json"),
        ("triage", "o.json"),
        ("triage", "--json", file),
        ("validate", "o.json"),
    ):
        assert variance(*arguments) == 0
    one_more = "\n".join(f"{line},{escape}" for line in text.splitlines())
    written("x.csv", one_more.encode())
    assert variance("sync", "--broker", "csv", "--input", file, "--dry-run") == 0
