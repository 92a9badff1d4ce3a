"""What surrounds a run may be odd: threads, a plugin that leaves, a folder that is gone, a refusing system, a mistyped word."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from variance_bridge import PortfolioParser, __main__, load
from variance_bridge.plugins.guard import guarded

VARIANCE = [sys.executable, "-m", "variance_bridge"]


def test_reading_in_many_threads_leaves_stdout_and_gives_everybody_the_same(variance, export):
    variance("sync", "--broker", "csv", "--input", export, "--output", "out.json")
    stdout, stderr = sys.stdout, sys.stderr
    alone = [PortfolioParser.parse(export), PortfolioParser.parse("out.json")]

    def read(number):
        if number % 3 == 0:
            return len(load(export, any_age=True).portfolio.positions)
        return PortfolioParser.parse((export, "out.json")[number % 2])

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(read, range(24)))

    assert (sys.stdout is stdout, sys.stderr is stderr) == (True, True)
    for number, one in enumerate(found):
        assert one == (3 if number % 3 == 0 else alone[number % 2])


def test_guards_that_overlap_in_threads_leave_stdout_as_it_is():
    stdout, entered, may_leave = sys.stdout, threading.Barrier(5), threading.Event()

    def work():
        with guarded("a plugin", "failed"):
            entered.wait(10)
            may_leave.wait(10)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    with guarded("a plugin", "failed"):
        entered.wait(10)
    may_leave.set()
    for one in threads:
        one.join(10)

    assert sys.stdout is stdout


PLUGIN = """
import os, threading, time
from variance_bridge import *

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(name="odd", slug="odd", title="Odd", broker="odd_plugin:Broker")]

class Broker:
    def __init__(self, context):
        pass
    def accounts(self):
        {body}
"""


def run_odd(tmp_path, folder, body, patch="pass"):
    """A sync in a process of its own with a plugin whose `accounts` does that."""
    site = tmp_path / "odd-site"
    info = site / "odd_plugin-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "odd_plugin.py").write_text(PLUGIN.replace("{body}", body))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[variance_bridge]\nodd = odd_plugin\n")
    program = f"import sys, variance_bridge.__main__ as m; sys.argv[1:] = ['sync', '--broker', 'odd', '--yes']; {patch}; m.main()"
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(site), "VARIANCE_CONFIG_DIR": str(tmp_path)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_plugin_that_ends_the_process_is_not_a_success(tmp_path, folder):
    done = run_odd(tmp_path, folder, "os._exit(0)")

    assert done.returncode == 3
    assert "a plugin ended this process" in done.stderr


def test_a_child_process_of_a_plugin_may_leave_as_it_likes(tmp_path, folder):
    done = run_odd(
        tmp_path,
        folder,
        "child = os.fork()\n        if child == 0: os._exit(7)\n"
        "        raise ValueError if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7 else KeyError",
    )
    assert "failed while it listed accounts: ValueError" in done.stderr


def test_a_thread_that_never_ends_does_not_keep_a_failed_sync_alive(tmp_path, folder):
    done = run_odd(
        tmp_path,
        folder,
        "threading.Thread(target=time.sleep, args=(600,)).start(); raise ValueError",
        patch="m.GRACE_SECONDS = 0.2",
    )
    assert done.returncode == 3
    assert "a thread of a plugin did not end" in done.stderr


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("missing", [closed, lambda: None], ids=["closed", "taken away"])
def test_the_process_leaves_with_its_code_whatever_a_plugin_did_to_its_streams(
    monkeypatch, missing
):
    codes, stderr = [], io.StringIO()
    monkeypatch.setattr(__main__, "_leave", codes.append)
    monkeypatch.setattr(sys, "stdout", missing())
    monkeypatch.setattr(sys, "stderr", stderr)
    __main__._flush_and_leave(3, "last words")
    monkeypatch.setattr(sys, "stderr", missing())
    __main__._flush_and_leave(4, "unheard")

    assert codes == [3, 4]
    assert stderr.getvalue() == "last words"


@pytest.mark.parametrize("command", [["sync", "--broker", "csv"], ["doctor"], ["show"]])
def test_a_working_folder_that_is_gone_is_said(tmp_path, command):
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'cd "$0" && rmdir "$0" && exec "$@"', gone, *VARIANCE, *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {3, 6}, done
    assert "working folder" in done.stderr + done.stdout or "No such file" in done.stdout
    assert "bug" not in done.stderr


def test_what_the_system_refuses_is_not_a_bug(variance, export, monkeypatch):
    def refuse(*_arguments, **_named):
        raise PermissionError(13, "Permission denied", "/home/jane/secret")

    monkeypatch.setattr(Path, "exists", refuse)
    done = variance("sync", "--broker", "csv", "--input", export)
    assert (done.code, "permission is denied" in done.err) == (3, True)
    assert "jane" not in done.err

    monkeypatch.undo()
    monkeypatch.setattr("variance_bridge.pipeline.sync_account.publish", refuse)
    done = variance("sync", "--broker", "csv", "--input", export, "--output", str(export) + ".json")
    assert (done.code, "permission is denied" in done.err, "bug" in done.err) == (6, True, False)
    assert "jane" not in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sync", "one.csv", "two.csv"), "two.csv"),
        (("restore", "export.csv", "export.csv"), "export.csv"),
        (("foo",), 'there is no command "foo"'),
        (("shwo",), 'did you mean "show"?'),
        (("SHOW",), 'did you mean "show"?'),
        (("AAPL",), "`variance show --root AAPL`"),
        (("spy",), "`variance show --root SPY`"),
        (("watch", "--interval", "60"), "did you mean `--every`?"),
        (("triage", "--interval", "60"), "No such option"),
        (("sync", "a", "99911122233"), "(***)"),
        (("--sync", "export.csv"), "stand alone"),
        (("--demo", "show"), "stand alone"),
        (("auth", "set", "--frobnicate", "hunter2"), "--frobnicate"),
    ],
)
def test_a_usage_error_repeats_what_was_typed_but_no_account_number(
    variance, export, arguments, words
):
    done = variance(*arguments)
    assert (done.code, words in done.err) == (2, True), done.err
    assert "hunter2" not in done.err
    assert "99911122233" not in done.err


def test_a_symbol_in_the_place_of_a_file_is_answered_by_the_option_for_it(variance):
    done = variance("show", "aapl")
    assert (done.code, "`variance show --root AAPL`" in done.err) == (6, True), done.err


def test_a_file_is_enough_for_a_sync(variance, export, folder):
    done = variance("sync", "export.csv")
    assert (done.code, (folder / "positions" / "live_csv.json").exists()) == (0, True), done.err
    assert variance("sync", "--input", "export.csv").code == 0
    assert variance("sync", "export.csv", "--input", "export.csv").code == 2
    (folder / "mine.toml").write_text('broker = "tastytrade"\n')
    assert variance("--config", "mine.toml", "sync", "export.csv").code == 0
    assert variance("sync", "--broker", "tastytrade", "export.csv").code == 0
    assert variance("sync", "--broker", "ibkr", "export.csv").code == 6


def test_a_file_alone_shows_its_dashboard(variance, export):
    alone, named = variance("export.csv"), variance("triage", "export.csv")

    # The first line says how old the file is, to the second.
    assert (alone.code, alone.out.splitlines()[1:]) == (0, named.out.splitlines()[1:])
    assert variance("missing.json").code == 6
    assert "missing.json" in variance("missing.json").err


def test_where_no_positions_are_is_said_with_the_whole_path(variance, folder):
    done = variance("show")
    assert (done.code, str(folder / "positions") in done.err) == (6, True)
