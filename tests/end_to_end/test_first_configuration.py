"""The first minutes: `variance init`, what a sync remembers, and a folder of exports."""

from __future__ import annotations

import os
import pty
import select
import shutil
import stat
import subprocess
import sys
import time
import tomllib

import pytest

from variance_bridge.document import exact_json
from variance_bridge.plugins import registry


@pytest.fixture
def configuration(monkeypatch, tmp_path):
    """The configuration folder, which does not exist yet."""
    place = tmp_path / "configuration"
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(place))
    return place


def test_init_works_without_a_terminal(variance, configuration, folder):
    done = variance("init", "--broker", "csv", "--positions", "mine", "--yes")

    file = configuration / "variance.toml"
    assert (done.code, done.out) == (0, f"Wrote {file}\n")
    assert tomllib.loads(file.read_text()) == {
        "broker": "csv",
        "output_dir": str(folder / "mine"),
        "listeners": ["history"],
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (folder / "mine").is_dir()
    assert str(folder / "mine") in done.err
    assert "variance sync FILE" in done.err


def test_a_sync_goes_where_init_said_from_any_folder(
    variance, configuration, export, folder, monkeypatch
):
    variance("init", "--broker", "csv", "--positions", "mine", "--yes")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert f"→ {folder / 'mine' / 'live_csv.json'}\n" in variance("sync", export).out
    assert variance("show").code == 0


def test_init_changes_no_configuration_unless_forced(variance, configuration):
    file = configuration / "variance.toml"
    configuration.mkdir(mode=0o700)
    file.write_text("# mine\n")

    done = variance("init", "--broker", "csv", "--yes")
    assert (done.code, file.read_text()) == (2, "# mine\n")
    assert str(file) in done.err
    assert "--force" in done.err

    assert variance("init", "--broker", "csv", "--yes", "--force").code == 0
    assert 'broker = "csv"' in file.read_text()
    assert (configuration / "variance.toml.old").read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ((), 2, "no broker was named (installed: csv"),
        (("--broker", "csvv"), 3, 'did you mean "csv"?'),
        (("--broker", "csv", "--positions", "/dev/null/x"), 3, "/dev/null/x"),
    ],
)
def test_init_says_what_to_type(variance, configuration, options, code, words):
    done = variance("init", "--yes", *options)

    assert done.code == code
    assert words in done.err
    assert not (configuration / "variance.toml").exists()


@pytest.fixture
def answers(monkeypatch):
    """What the user types at a terminal, line by line; nothing more to type is Ctrl-D."""
    pending = []

    def typed(*_arguments, **_options):
        if not pending:
            raise EOFError
        return pending.pop(0)

    monkeypatch.setattr("variance_bridge.cli.init._on_terminal", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", typed)
    return pending


def test_init_asks_again_until_the_answer_can_be_used(variance, configuration, folder, answers):
    (folder / "a_file").write_text("")
    (folder / "exports").mkdir()
    answers += ["csvv", "999", "", "CSV"]
    answers += ["~nobody-of-that-name", "nowhere", "n", "exports"]
    answers += ["a_file", "~nobody-of-that-name", "mine", "maybe", "yes"]
    done = variance("init")

    assert (done.code, answers) == (0, [])
    said = done.err.splitlines()
    assert '  did you mean "csv"?' in said
    assert any(line.startswith("Error: the numbers go from 1 to ") for line in said)
    assert any("a_file: the folder cannot be made" in line for line in said)
    assert sum("there is no such user" in line for line in said) == 2
    assert "Error: answer y or n" in said
    assert "invalid input" not in done.err
    stated = tomllib.loads((configuration / "variance.toml").read_text())
    assert stated["broker"] == "csv"
    assert stated["output_dir"] == str(folder / "mine")
    assert stated["brokers"]["csv"] == {"input_folder": str(folder / "exports")}
    assert said[-1].startswith("Next: variance sync ")


def test_init_takes_a_folder_of_exports_that_is_not_there_yet_if_the_user_says_so(
    variance, configuration, folder, answers
):
    answers += ["later", "y", "n"]
    assert variance("init", "--broker", "csv", "--positions", "mine").code == 0
    stated = tomllib.loads((configuration / "variance.toml").read_text())
    assert stated["brokers"]["csv"]["input_folder"] == str(folder / "later")


@pytest.mark.parametrize("given", [[], ["csvv"], ["csv"], ["csv", "", "mine"]])
def test_init_writes_nothing_when_the_user_leaves(variance, configuration, answers, given):
    answers += given
    done = variance("init")

    assert done.code == 130
    assert done.err.endswith("Interrupted. Nothing was left half-written.\n")
    assert not (configuration / "variance.toml").exists()


def test_leaving_at_a_question_begins_a_new_line(variance, configuration, answers, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)

    # The question itself is written by the function that `answers` replaces.
    assert variance("init").err.endswith("\n\nInterrupted. Nothing was left half-written.\n")


@pytest.mark.parametrize(
    ("typed", "options", "listeners"),
    [
        ("", (), ["history"]),
        ("y", (), ["history"]),
        ("n", (), None),
        (None, ("--no-history",), None),
        (None, ("--yes", "--no-history"), None),
        (None, ("--yes", "--history"), ["history"]),
    ],
)
def test_init_keeps_a_history_unless_the_user_says_no(
    variance, configuration, answers, typed, options, listeners
):
    answers += [] if "--yes" in options else [""]
    answers += [] if typed is None else [typed]
    done = variance("init", "--broker", "csv", "--positions", "mine", *options)

    assert (done.code, answers) == (0, [])
    stated = tomllib.loads((configuration / "variance.toml").read_text())
    assert stated.get("listeners") == listeners
    assert ("variance diff" in done.err) == (listeners is not None)


@pytest.fixture
def without_listeners(monkeypatch):
    """No listener is installed."""
    installed = registry.plugins

    def plugins(group=registry.BROKERS, *find):
        return () if group == registry.LISTENERS else installed(group, *find)

    monkeypatch.setattr(registry, "plugins", plugins)


@pytest.mark.usefixtures("without_listeners")
def test_init_offers_no_history_where_its_plugin_is_missing(variance, configuration):
    options = ("init", "--broker", "csv", "--positions", "mine", "--yes")

    assert variance(*options).code == 0
    assert "listeners" not in (configuration / "variance.toml").read_text()


@pytest.mark.usefixtures("without_listeners")
def test_init_says_what_to_install_for_a_history_that_is_asked_for(variance, configuration):
    done = variance("init", "--broker", "csv", "--positions", "mine", "--history", "--yes")

    assert done.code == 3
    assert "variance-bridge-history" in done.err
    assert not (configuration / "variance.toml").exists()


def test_the_name_of_a_format_configures_the_broker_that_reads_it(variance, configuration):
    variance("init", "--broker", "etrade", "--positions", "p", "--yes")

    stated = tomllib.loads((configuration / "variance.toml").read_text())
    assert stated["broker"] == "csv"
    assert stated["brokers"]["csv"] == {"dialect": "etrade"}


def test_positions_that_lie_in_the_folder_stay_there(variance, configuration, folder):
    (folder / "positions").mkdir()
    variance("init", "--broker", "csv", "--yes")

    stated = tomllib.loads((configuration / "variance.toml").read_text())
    assert stated["output_dir"] == str(folder / "positions")


def test_a_sync_is_remembered_where_nothing_is_configured(
    variance, configuration, export, folder, monkeypatch
):
    variance("sync", "--broker", "csv", "--input", export)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    assert "XYZ" in variance("show").out
    assert "broker, output_dir: from last sync" in variance("doctor").out
    said = variance("--sync")
    assert said.code == 2
    assert f"in the folder of the last one: `variance sync {export.parent}`" in said.err
    assert variance("sync", "--input", export).code == 0
    assert list(elsewhere.iterdir()) == []
    (elsewhere / "positions").mkdir()
    assert str(elsewhere / "positions") in variance("show").err


def test_the_first_sync_of_all_mentions_the_history_once_at_a_terminal(
    variance, configuration, export, monkeypatch
):
    monkeypatch.setenv("FORCE_COLOR", "1")  # which makes a terminal of any output
    mentions = [variance("sync", export).err.count("variance history enable") for _ in range(2)]
    assert mentions == [1, 0]

    (configuration / "last_sync.toml").unlink()
    (configuration / "variance.toml").write_text('broker = "csv"\n')
    assert "variance history" not in variance("sync", export).err


def test_a_first_sync_that_is_not_watched_mentions_nothing(variance, configuration, export):
    assert "history" not in variance("sync", export).err


def test_syncing_a_file_keeps_the_remembered_broker(variance, configuration, export):
    configuration.mkdir(mode=0o700)
    (configuration / "last_sync.toml").write_text('broker = "tastytrade"\n')
    variance("sync", export)

    stated = tomllib.loads((configuration / "last_sync.toml").read_text())
    assert stated["broker"] == "tastytrade"


@pytest.mark.parametrize("text", ["", "not TOML", "broker = 1\npositions = 2\n"])
def test_a_damaged_record_of_the_last_sync_counts_as_none(variance, configuration, export, text):
    configuration.mkdir(mode=0o700)
    (configuration / "last_sync.toml").write_text(text)

    assert "no broker is chosen" in variance("sync").err
    assert variance("sync", export).code == 0


HEADER = (
    "Symbol,Type,Quantity,Call/Put,Strike,Expiration,Multiplier,Average Price,Mark,Unrealized P/L"
)

FIDELITY = "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Current Value"


def exports(folder, *names):
    """Files that are each newer than the one before."""
    for age, name in enumerate(reversed(names)):
        (folder / name).write_text(f"{HEADER}\nXYZ,stock,100,,,,1,48.00,52.00,400\n")
        then = time.time() - 60 * (age + 1)
        os.utime(folder / name, (then, then))


def test_the_newest_export_of_a_folder_is_read(variance, folder):
    place = folder / "downloads"
    place.mkdir()
    exports(place, "a.csv", "b.csv")
    held = "ABC,stock,7,,,,1,48.00,52.00,28\n"
    with (place / "a.csv").open("a") as file:
        file.write(held)
    long_ago = time.time() - 3600
    os.utime(place / "a.csv", (long_ago, long_ago))
    (place / "b.csv").write_text(f"{HEADER}\n{held}")
    (place / "notes.csv").write_text("nothing of ours\n")
    (place / "picture.png").write_text("nothing of ours\n")

    done = variance("sync", place)

    assert done.code == 0
    assert done.err == ""
    document = exact_json.loads((folder / "positions" / "live_csv.json").read_bytes())
    assert [each["symbol"] for each in document["positions"]] == ["ABC"]


@pytest.mark.parametrize(("minutes", "code"), [(-1, 6), (60, 0)])
def test_an_export_of_a_folder_that_cannot_be_read_is_said_where_it_may_be_the_newest(
    variance, folder, minutes, code
):
    place = folder / "downloads"
    place.mkdir()
    exports(place, "a.csv")
    (place / "cut.csv").write_text(f"{HEADER}\n")
    then = time.time() - 60 * minutes
    os.utime(place / "cut.csv", (then, then))

    done = variance("sync", place)

    assert done.code == code
    assert ("cut.csv" in done.err, "newer than an export" in done.err) == (code == 6, code == 6)
    assert (folder / "positions" / "live_csv.json").exists()


def test_each_account_of_a_folder_has_a_file_of_its_own(variance, folder, tmp_path):
    place = folder / "downloads"
    place.mkdir()
    for number in (11112222, 33334444):
        text = f"{FIDELITY}\n{number},Mine,XYZ,A COMPANY,100,$52.00,$5200.00\n"
        (place / f"{number}.csv").write_text(text)

    done = variance("sync", place)

    assert done.code == 0, done.err
    written = sorted(path.name for path in (folder / "positions").glob("live_*.json"))
    assert len(written) == 2
    assert not any("1111" in name or "3333" in name for name in written)


def test_an_export_of_two_accounts_in_a_folder_says_what_it_has_to_say_once(variance, folder):
    place = folder / "downloads"
    place.mkdir()
    rows = "".join(
        f"{number},Mine,XYZ,A COMPANY,100,$52.00,$5200.00\n" for number in (11112222, 33334444)
    )
    (place / "both.csv").write_text(f"{FIDELITY}\n{rows}")

    done = variance("sync", place)

    assert done.out.count("live_csv_") == 2
    said = done.err.splitlines()
    assert said
    assert len(said) == len(set(said))


@pytest.mark.parametrize(
    ("files", "words"),
    [((), "there is no export in this folder"), (("notes.csv",), "no export in it can be read")],
)
def test_a_folder_without_an_export_is_refused(variance, folder, files, words):
    place = folder / "downloads"
    place.mkdir()
    for name in files:
        (place / name).write_text("nothing of ours\n")

    done = variance("sync", place)
    assert done.code == 6
    assert words in done.err
    assert str(place) in done.err


def typed(arguments, answers, environment, cwd):
    """What the command shows on a terminal at which the answers are typed, each after its question; and the exit code."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "variance_bridge", *arguments],
        stdin=follower, stdout=follower, stderr=follower, env=environment, cwd=cwd,
    )  # fmt: skip
    os.close(follower)
    shown = ""
    pending = list(answers)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([leader], [], [], 1)[0]:
            continue
        try:
            part = os.read(leader, 4096).decode()
        except OSError:  # Linux: the other end is closed
            break
        if not part:
            break
        shown += part
        while pending and pending[0][0] in shown:
            os.write(leader, pending.pop(0)[1].encode() + b"\n")
    os.close(leader)
    return shown, process.wait(timeout=30)


@pytest.mark.slow
def test_on_a_terminal_a_sync_without_configuration_offers_to_set_it_up(
    configuration, folder, tmp_path
):
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb"}
    answers = [
        ("now? [Y/n]", "y"),
        ("Number or name", "csv"),
        ("Folder of the exports", ""),
        ("Folder for positions files", str(folder / "mine")),
        ("Keep a history", "y"),
    ]
    shown, code = typed(["sync"], answers, environment, folder)

    assert "Where do your positions come from?" in shown
    stated = tomllib.loads((configuration / "variance.toml").read_text())
    assert stated == {
        "broker": "csv",
        "output_dir": str(folder / "mine"),
        "listeners": ["history"],
    }
    assert "variance sync FILE" in shown
    assert code == 2  # the broker that was chosen needs a file, and says so
    shutil.rmtree(configuration)
