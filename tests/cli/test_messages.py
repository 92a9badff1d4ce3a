"""Errors and warnings: coloured and wrapped at words on a terminal, plain elsewhere; what was typed is met half-way."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest

from variance_bridge.cli.error_report import run
from variance_bridge.document import exact_json
from variance_bridge.formatting import nearest
from variance_bridge.terminal import laid_out

LONG = "Error: live_acme.json: the positions are of yesterday\n  run `variance sync` and then look at them again, please"


class Terminal(io.StringIO):
    def isatty(self):
        return True


NARROW = {"COLUMNS": "31"}


def test_a_pipe_gets_the_lines_as_they_are():
    assert laid_out(LONG, io.StringIO(), {}) == LONG


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_gets_whole_words_and_an_indented_hint(environment):
    assert laid_out(LONG, Terminal(), {**environment, **NARROW}).splitlines() == [
        "Error: live_acme.json: the",
        "  positions are of yesterday",
        "  run `variance sync` and then",
        "  look at them again, please",
    ]


@pytest.mark.parametrize("columns", ["20", "31", "40"])
def test_a_command_is_never_broken_so_that_it_can_be_copied(columns):
    command = "`variance sync --broker tastytrade`"
    text = f"Error: nothing is here\n  to fetch it again: {command}; then look at it"
    assert command in laid_out(text, Terminal(), {"COLUMNS": columns})
    lines = laid_out(text, Terminal(), {"COLUMNS": "31"}).splitlines()
    assert f"  {command};" in lines  # too long for any line, so that it has one of its own


@pytest.mark.parametrize(
    ("text", "coloured"),
    [
        ("Error: no", "\x1b[1;31mError:\x1b[0m no"),
        ("Warning: so so", "\x1b[1;33mWarning:\x1b[0m so so"),
        ("a note", "a note"),
    ],
)
def test_only_the_first_word_is_coloured(text, coloured):
    assert laid_out(text, Terminal(), {}) == coloured


def test_a_doubtful_passage_is_yellow_wherever_its_line_is_broken():
    text = "3 positions as of today (339 d 1 h old: refused) in a.json"
    shown = laid_out(text, Terminal(), NARROW, doubtful=["339 d 1 h old: refused"])
    assert shown == ("3 positions as of today (\x1b[33m339 d\n  1 h old: refused\x1b[0m) in a.json")


def test_a_path_is_never_broken():
    path = "/a/rather/long/path/to/positions/live_acme.json"
    assert path in laid_out(f"Error: {path}: no", Terminal(), NARROW).splitlines()[1]


def test_continued_lines_hang_below_what_they_continue():
    text = "ok      folder: there, and private\n        \u2192 nothing at all to be done here"
    assert laid_out(text, Terminal(), NARROW, hanging=8).splitlines() == [
        "ok      folder: there, and",
        "        private",
        "        \u2192 nothing at all to be",
        "        done here",
    ]


def test_a_mistyped_option_is_answered_by_the_nearest(capsys):
    assert run(["sync", "--acount", "roth"]) == 2
    assert capsys.readouterr().err.splitlines()[1:] == [
        "  did you mean `--account`?",
        "  `variance sync --help` explains the command",
    ]


@pytest.mark.parametrize(
    ("line", "better"),
    [
        ("--account x show", "variance show --account HASH"),
        ("--account=x show", "variance show --account HASH"),
        ("--account x", "variance triage --account HASH"),
        ("--root SPY show", "variance show --root ROOT"),
        ("--strict sync", "variance sync --strict"),
    ],
)
def test_an_option_before_its_command_is_answered_by_where_it_belongs(capsys, line, better):
    assert run(line.split()) == 2
    command = " ".join(better.split()[:2])
    assert capsys.readouterr().err.splitlines()[1:] == [
        f"  options of a command come after it: `{better}`",
        f"  `{command} --help` explains the command",
    ]


@pytest.mark.parametrize("line", ["--frobnicate", "--frobnicate show", "show --frobnicate"])
def test_an_option_of_no_command_is_only_refused(capsys, line):
    assert run(line.split()) == 2
    assert "come after it" not in capsys.readouterr().err


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))
    header = "Symbol,Type,Quantity,Call/Put,Strike,Expiration,Multiplier,Average Price,Mark,Unrealized P/L"
    (tmp_path / "positions.csv").write_text(f"{header}\nXYZ,stock,100,,,,1,48.00,52.00,400\n")

    def call(line):
        capsys.readouterr()
        return run(line.split()), capsys.readouterr()

    return call


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("show positons.csv", 'did you mean "positions.csv"?'),
        ("sync positons.csv", 'did you mean "positions.csv"?'),
        ("sync positions.csv --quotes yahoo", '"yahoo" is installed (installed: '),
        (
            "sync positions.csv --output out.csv",
            "a sync writes JSON, and the name of the output ends in .csv",
        ),
        ("sync --broker csv --set input_folder=nowhere", "nowhere: the folder `input_folder`"),
        ("auth set --broker tastytrade", "the system keyring is"),
        ("--json show", "stand alone"),
        ("show empty", "empty: there are no positions files here"),
        ("empty", "empty: there are no positions files here"),
        ("portfolio", "did you mean `variance show`?"),
        ("login", "did you mean `variance auth login`?"),
        ("version", "did you mean `variance --version`?"),
        ("sync tasty", "`variance sync --broker tastytrade`"),
        ("sync fidelty", "`variance sync --broker fidelity`"),
        ("show --sort", "`variance show --help` explains"),
        ("show positions.cvs", 'did you mean "positions.csv"?'),
        ("sync positions.cvs", 'did you mean "positions.csv"?'),
        ("show positions", 'did you mean "positions.csv"?'),
        ("show untitled", "what kind of file"),
        ("show positions.csv.gz", "unpack an archive first"),
        ("export positions.csv", "`--format` with one of: beancount, csv, parquet"),
        ("auth login --broker csv", "choose another with `--broker NAME`"),
    ],
)
def test_a_mistake_says_what_was_typed_and_what_to_type(typed, tmp_path, line, words):
    (tmp_path / "empty").mkdir()
    for name in ("positions.csv.gz", "untitled"):
        (tmp_path / name).touch()
    code, said = typed(line)
    assert code in {2, 3, 6}
    assert words in said.err


@pytest.mark.parametrize("arguments", [["sync", ""], ["show", "--account", ""], [""]])
def test_an_empty_argument_never_means_the_working_folder(typed, capsys, arguments):
    typed("--version")
    assert run(arguments) == 2
    assert "an argument is empty" in capsys.readouterr().err


def test_help_and_version_are_found_where_other_programs_have_them(typed):
    assert typed("-V") == typed("--version")
    assert typed("help") == typed("--help")
    assert typed("help sync") == typed("sync --help")
    assert typed("help csv explain") == typed("csv explain --help")
    assert typed("help nosuch")[0] == 2


@pytest.mark.parametrize("group", ["auth", "fx", "csv", "plugin", "fleet"])
def test_a_group_without_its_command_shows_its_help_whole(typed, group):
    code, said = typed(group)
    assert code == 2
    assert said.err.startswith(f"Usage: variance {group} [OPTIONS] COMMAND")
    assert "Commands:" in said.err
    assert not {"Error", "***", "…", "..."} & set(said.err.replace("[ARGS]...", "").split())


@pytest.mark.parametrize("group", ["auth", "fx", "csv", "plugin", "fleet"])
def test_what_a_command_does_is_not_cut_short_in_the_list_of_its_group(typed, group):
    listed = typed(f"{group} --help")[1].out.split("Commands:")[1]
    assert "..." not in listed


def test_choices_that_are_missing_are_listed_without_control_characters(typed, monkeypatch):
    monkeypatch.setenv("SHELL", "/opt/bin/nosuchshell")
    said = typed("completion")[1].err
    assert "Choose from: bash, zsh, fish" in said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_for_the_login_shell_where_none_is_named(typed, monkeypatch, shell):
    monkeypatch.setenv("SHELL", f"/usr/bin/{shell}")
    assert typed("completion") == typed(f"completion {shell}")


def test_a_page_for_a_folder_that_is_not_there_names_the_folder(typed, tmp_path):
    typed("sync positions.csv")
    code, said = typed(f"triage --html {tmp_path}/nope/page.html")
    assert (code, f"the folder {tmp_path}/nope does not exist" in said.err) == (6, True)


def test_an_export_in_another_format_than_the_broker_that_was_named_says_to_drop_it(typed):
    code, said = typed("sync --broker schwab --input positions.csv")
    assert (code, "drop `--broker NAME`" in said.err) == (6, True)


def test_accounts_of_an_export_are_listed_by_naming_it(typed):
    code, said = typed("accounts positions.csv")
    assert (code, "Account" in said.out) == (0, True)
    assert typed("accounts positions.csv --input positions.csv")[0] == 2


def test_positions_of_another_account_name_the_option_that_keeps_both(typed, tmp_path):
    header, row = (tmp_path / "positions.csv").read_text().splitlines()
    for name in ("first", "second"):
        (tmp_path / f"{name}.csv").write_text(f"Account,{header}\n{name}-1,{row}\n")
    assert typed("sync first.csv --output live.json")[0] == 0
    code, said = typed("sync second.csv --output live.json")
    assert (code, "`--all-accounts`" in said.err) == (6, True)
    assert typed("sync second.csv --all-accounts")[0] == 0


def test_no_hidden_file_is_offered_for_a_mistyped_name(typed, tmp_path):
    (tmp_path / ".portfolio.csv.lock").touch()
    said = typed("show portfolio.csv.loc")[1].err + typed("csv explain portfolio.csv")[1].err
    assert "there is no such file" in said
    assert "lock" not in said


def test_an_export_that_is_validated_is_named_as_one(typed):
    assert "`variance sync FILE`" in typed("validate positions.csv")[1].out


def test_a_broker_without_credentials_says_so(typed):
    assert "needs no credentials" in typed("auth status --broker csv")[1].out


def test_variance_alone_prints_json_too(typed, tmp_path):
    document = {
        "meta": {
            "source": "acme",
            "fetched_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "account_hash": "a1b2c3***",
        },
        "positions": [
            {"root": "SPY", "symbol": "SPY", "type": "stock", "side": "long", "quantity": 1}
        ],
    }
    (tmp_path / "positions").mkdir()
    (tmp_path / "positions" / "live_acme.json").write_bytes(exact_json.dumps(document))
    code, said = typed("--json")
    assert (code, said.err) == (0, "")
    assert json.loads(said.out)["clusters"][0]["root"] == "SPY"


@pytest.mark.parametrize(
    ("typed", "known", "near"),
    [
        ("csvv", ("csv", "ibkr"), "csv"),
        ("cvs", ("csv", "ibkr"), "csv"),
        ("AAB", ("QQQ", "AAA"), "AAA"),
        ("tasty", ("csv", "tastytrade"), "tastytrade"),
        ("tastytrad", ("csv", "tastytrade"), "tastytrade"),
        ("hisotry", ("history", "diff"), "history"),
        ("--acount", ("--all-accounts", "--account"), "--account"),
        ("--since", ("--json", "--sort", "--html"), None),
        ("--html", ("--help",), None),
        ("spy", ("pl", "dte"), None),
        ("", ("csv",), None),
    ],
)
def test_only_a_word_that_is_nearly_the_same_is_suggested(typed, known, near):
    assert nearest(typed, known) == near


def test_an_option_that_is_like_no_other_is_answered_by_the_help(capsys):
    assert run(["brokers", "--since", "yesterday"]) == 2
    assert capsys.readouterr().err.splitlines()[1:] == [
        "  `variance brokers --help` explains the command"
    ]
