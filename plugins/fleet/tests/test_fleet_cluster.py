"""Runs with real workers: whole, killed at random, poisoned, and on a cluster that was started elsewhere."""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import socket
import subprocess
import sys
import time
from bisect import bisect
from collections import defaultdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import cloudpickle
import pytest
from dask_processes import processes
from fleet_broker import (
    RATES,
    SECRET,
    TOKEN,
    Acme,
    install_plugin,
    profiles,
    write_distribution,
)
from fleet_exports import CANARY, command, exports, installation, start, tables
from loopback_server import serving
from speed.broker_exports import write_exports

from variance_bridge import load
from variance_bridge_fleet.dask_workers import CONNECT_LIMIT
from variance_bridge_triage.render.json_report import to_document
from variance_bridge_triage.rules.report import triage
from variance_bridge_triage.rules.thresholds import thresholds

pytestmark = pytest.mark.slow
distributed = pytest.importorskip("distributed")
Client, wait = distributed.Client, distributed.wait

POISON = """
import os, signal
from variance_bridge import Account, BrokerSpec, Capability, hookimpl

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(name="poison", slug="poison", title="Poison", broker="poison_plugin:Broker",
                       capabilities=frozenset({Capability.READS_FILES}))]

class Broker:
    def __init__(self, context):
        pass
    def accounts(self):
        os.kill(os.getpid(), signal.SIGKILL)
    def fetch(self, account): ...
    def normalize(self, raw): ...
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    installation(tmp_path, monkeypatch)
    return tmp_path


def ended(*arguments):
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, check=False, timeout=300
    )


def processes_below(parent: int) -> list[int]:
    """All processes that a process has started, and theirs."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    )
    children: dict[int, list[int]] = {}
    for line in listed.stdout.splitlines():
        pid, ppid = map(int, line.split())
        children.setdefault(ppid, []).append(pid)
    found, waiting = [], [parent]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def workers_of(parent: int) -> list[int]:
    """The worker processes: those that multiprocessing has spawned, but for its own helper."""

    def line(pid):
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return ""

    return [pid for pid in processes_below(parent) if "spawn_main" in line(pid)]


def test_a_run_on_this_machine_is_whole_and_a_second_one_has_nothing_to_do(place):
    manifest = exports(place, 30)
    first = ended("fleet", "run", manifest, "--out", "out", "--workers", "2", "--json")
    assert (first.returncode, first.stderr) == (0, "")
    found = json.loads(first.stdout)
    assert (found["inputs"], found["accounts"], found["complete"]) == (30, 30, 30)

    before = tables(place / "out")
    again = ended("fleet", "run", manifest, "--out", "out", "--workers", "1", "--resume")
    assert again.returncode == 0
    assert tables(place / "out") == before
    assert not list((place / "out").rglob("*.tmp"))


def test_kills_of_workers_and_of_the_run_lose_nothing_and_change_nothing(place):
    manifest = exports(place, 60)
    assert ended("fleet", "run", manifest, "--out", "whole", "--workers", "2").returncode == 0
    dice = random.Random(17)
    kills = 0
    while kills < 8:
        run = start("fleet", "run", manifest, "--out", "killed", "--workers", "2", "--resume")
        deadline = time.monotonic() + 120
        while run.poll() is None and time.monotonic() < deadline:
            time.sleep(dice.uniform(0.1, 0.6))
            workers = workers_of(run.pid)
            if not workers or not (place / "killed" / "run.json").exists():
                continue
            victim = run.pid if dice.random() < 0.4 else dice.choice(workers)
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue
            kills += 1
        run.communicate()
        if run.returncode == 0:  # nothing was left to kill: begin again
            (place / "killed" / "outcomes.parquet").unlink()
            for part in sorted((place / "killed" / "work").iterdir())[: dice.randint(10, 60)]:
                part.unlink()

    last = ended("fleet", "run", manifest, "--out", "killed", "--workers", "2", "--resume")
    assert last.returncode == 0, last.stderr
    assert tables(place / "killed") == tables(place / "whole")


def test_an_input_that_kills_its_worker_fails_alone(place, monkeypatch):
    site = place / "site"
    information = site / "poison_plugin-1.0.dist-info"
    information.mkdir(parents=True)
    (site / "poison_plugin.py").write_text(POISON)
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: poison-plugin\nVersion: 1.0\n"
    )
    (information / "entry_points.txt").write_text("[variance_bridge]\npoison = poison_plugin\n")
    (place / "configuration" / "variance.toml").write_text('[plugins]\nallow = ["poison-plugin"]\n')
    monkeypatch.setenv("PYTHONPATH", str(site))
    exports(place, 8)
    (place / "exports" / "bad.poison").write_text("x")
    (place / "manifest.toml").write_text('inputs = ["exports/*"]\n')
    done = ended("fleet", "run", "manifest.toml", "--out", "out", "--workers", "2")

    assert done.returncode == 5, done.stderr
    outcomes = tables(place / "out")["outcomes"]
    assert sorted(row["status"] for row in outcomes) == ["complete"] * 8 + ["failed"]
    (lost,) = (row for row in outcomes if row["status"] == "failed")
    assert lost["input"] == "exports/bad.poison"
    assert "every time" in lost["reason"]


@pytest.fixture
def dask(place):
    with processes(place / "dask") as started:
        yield started


def test_a_cluster_that_runs_already_is_used_and_left_running(place, dask):
    scheduler, _process = dask.scheduler()
    dask.worker(scheduler)
    manifest = exports(place, 10)
    with Client(scheduler) as client:
        client.wait_for_workers(1, timeout=60)
        done = ended("fleet", "run", manifest, "--out", "out", "--scheduler", scheduler)
        assert done.returncode == 0, done.stderr
        assert "10 complete" in done.stdout
        assert len(client.scheduler_info()["workers"]) == 1


def waited(condition, seconds=120):
    """Until it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_scheduler_that_is_killed_costs_nothing(place, dask):
    manifest = exports(place, 120)
    assert ended("fleet", "run", manifest, "--out", "whole", "--workers", "1").returncode == 0
    scheduler, process = dask.scheduler()
    dask.ready_worker(scheduler)
    run = start("fleet", "run", manifest, "--out", "killed", "--scheduler", scheduler)
    work = place / "killed" / "work"
    waited(lambda: len(list(work.glob("*.json"))) >= 2)
    process.send_signal(signal.SIGKILL)
    _said, errors = run.communicate(timeout=120)
    assert run.returncode == 5
    assert "scheduler is gone" in errors
    assert "--resume" in errors
    assert "Traceback" not in errors
    assert not (place / "killed" / "outcomes.parquet").exists()
    before = {file: file.stat().st_mtime_ns for file in work.glob("*.json")}

    scheduler, _process = dask.scheduler()
    dask.ready_worker(scheduler)
    again = ("fleet", "run", manifest, "--out", "killed", "--scheduler", scheduler, "--resume")
    last = ended(*again)
    assert last.returncode == 0, last.stderr
    assert tables(place / "killed") == tables(place / "whole")
    assert {file: file.stat().st_mtime_ns for file in before} == before


@pytest.mark.parametrize("answers", [False, True])
def test_a_scheduler_that_does_not_speak_is_exit_5_within_the_limit(place, answers):
    manifest = exports(place, 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        if not answers:
            server.close()
        began = time.monotonic()
        done = ended(
            "fleet", "run", manifest, "--out", "out", "--scheduler", f"tcp://127.0.0.1:{port}"
        )
    assert done.returncode == 5, done.stderr
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < CONNECT_LIMIT + 20  # start and end of the command included
    assert not (place / "out").exists()


@pytest.mark.parametrize("scheduler", ["nonsense", "tcp://", "http://127.0.0.1:1", "tcp://[::1"])
def test_an_address_that_is_none_is_refused_without_a_traceback(place, scheduler):
    done = ended("fleet", "run", exports(place, 1), "--out", "out", "--scheduler", scheduler)

    assert done.returncode in {2, 5}, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "here"),
    [("acme-plugin", "1.0"), ("variance-bridge-csv", version("variance-bridge-csv"))],
)
def test_a_worker_with_another_version_is_refused_before_work_starts(
    place, dask, monkeypatch, name, here
):
    install_plugin(place, monkeypatch)
    other = place / "other"
    write_distribution(other, name, "9.9.9", "[variance_bridge]\nacme = acme_plugin\n")
    scheduler, _process = dask.scheduler()
    found = os.environ["PYTHONPATH"]
    dask.worker(scheduler, environment={"PYTHONPATH": f"{other}{os.pathsep}{found}"})
    manifest = exports(place, 2)
    with Client(scheduler) as client:
        client.wait_for_workers(1, timeout=60)
        done = ended("fleet", "run", manifest, "--out", "out", "--scheduler", scheduler)

    assert done.returncode == 3
    said = " ".join(done.stderr.split())  # lines are broken at words
    assert f"{name}: {here} here, 9.9.9 there" in said
    assert not (place / "out").exists()


def most_in_a_window(moments: list[float], seconds: float) -> int:
    """How many of them are within so many seconds at most."""
    return max(bisect(moments, moment + seconds) - place for place, moment in enumerate(moments))


@pytest.mark.parametrize("kills", [0, 1])
def test_the_rates_of_a_broker_hold_for_all_workers_and_all_tries(place, dask, monkeypatch, kills):
    install_plugin(place, monkeypatch)
    with serving(Acme(held_from=10 if kills else None)) as acme:
        manifest = profiles(place, 8, acme.url)
        (place / "configuration" / ".env").write_text(f"ACME_TOKEN={TOKEN}\nACME_SECRET={SECRET}\n")
        (place / "configuration" / ".env").chmod(0o600)
        scheduler, _process = dask.scheduler()
        workers = [dask.worker(scheduler, "--no-nanny") for _ in range(3)]
        with Client(scheduler) as client:
            client.wait_for_workers(3, timeout=60)
            run = start("fleet", "run", manifest, "--out", "out", "--scheduler", scheduler)
            if kills:
                waited(lambda: len(acme.asked) >= 10)
                (busy,) = (address for address, keys in client.processing().items() if keys)
                pids = client.run(os.getpid)
                (victim,) = (each for each in workers if each.pid == pids[busy])
                victim.kill()
                victim.wait(60)
                acme.may_answer.set()
            _said, errors = run.communicate(timeout=240)
    assert run.returncode == 0, errors
    outcomes = tables(place / "out")["outcomes"]
    assert [row["status"] for row in outcomes] == ["complete"] * 8
    assert len({row["account_hash"] for row in outcomes}) == 8
    assert len(acme.asked) > 16  # second tries, which count
    for requests, seconds in RATES:
        # What is late on its way by a quarter of a second is not early.
        assert most_in_a_window(acme.asked, seconds - 0.25) <= requests


def test_no_secret_is_in_graph_scheduler_logs_spill_or_output(place, dask, monkeypatch):
    install_plugin(place, monkeypatch)
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not have this module
    seen: list[bytes] = []
    with serving(Acme(held_from=1)) as acme:
        manifest = profiles(place, 4, acme.url)
        exports(place, 20)
        manifest.write_text('inputs = ["exports/*.csv"]\n' + manifest.read_text())
        (place / "configuration" / ".env").write_text(f"ACME_SECRET={SECRET}\n")
        (place / "configuration" / ".env").chmod(0o600)
        monkeypatch.setenv("DASK_LOGGING__DISTRIBUTED", "debug")
        scheduler, _process = dask.scheduler()
        # A worker that keeps one byte in memory writes every result to its disk.
        monkeypatch.setenv("DASK_DISTRIBUTED__WORKER__MEMORY__TARGET", "1e-9")
        dask.worker(scheduler, "--memory-limit", "1GB", environment={"ACME_TOKEN": TOKEN})
        monkeypatch.setenv("ACME_TOKEN", TOKEN)
        with Client(scheduler) as client:
            client.wait_for_workers(1, timeout=60)
            client.run(keep_what_is_spilled)
            run = start("fleet", "run", manifest, "--out", "out", "--scheduler", scheduler)
            while run.poll() is None:
                graph = pickle.dumps(client.run_on_scheduler(graph_and_state))
                if b"client-3" in graph:  # until then the first answer is waited for
                    acme.may_answer.set()
                seen += [graph, *contents(dask.logs.rglob("*"))]
                time.sleep(0.05)
            said = run.communicate()
            kept = client.submit(bytes, 5000)
            wait(kept)
            seen += everything_dask_knows(client, place / "state")
            spilled = [file for file in dask.logs.rglob("*") if file.parent.name == "storage"]
            seen += contents(spilled)
    assert run.returncode == 0, said[1]
    assert len(tables(place / "out")["outcomes"]) == 24
    assert sum(file.name.startswith("variance-") for file in spilled) == 11  # the end of each job
    assert len(spilled) == 12
    seen += contents(file for file in (place / "out").rglob("*") if file.is_file())
    seen += contents(dask.logs.rglob("*.log"))
    seen += [repr(tables(place / "out")).encode(), *(text.encode() for text in said)]
    whole = b"".join(seen)
    assert b"client-3" in whole  # the graph is among what was seen
    assert TOKEN.encode() not in whole
    assert SECRET.encode() not in whole
    assert CANARY.encode() not in b"".join(contents((place / "out").rglob("*")))


def contents(files) -> list[bytes]:
    found = []
    for file in files:
        try:
            found.append(file.read_bytes())
        except OSError:  # gone meanwhile, or a folder
            continue
    return found


def keep_what_is_spilled():
    """A worker's files of what it spills stay there when Dask has no more use for them, which is at once."""
    from zict import File

    File.__delitem__ = lambda self, key: self.filenames.pop(key)


def graph_and_state(dask_scheduler):
    """The tasks as they were sent, as far as they are known to the scheduler just now, and what it noted of them."""
    import pickle

    tasks = [(key, task.run_spec) for key, task in dask_scheduler.tasks.items()]
    return pickle.dumps(tasks), repr(dask_scheduler.transition_log)


def everything_dask_knows(client, file: Path) -> list[bytes]:
    """State, events, logs and histories of scheduler and workers: all that its dashboard shows and its files would hold."""
    client.dump_cluster_state(str(file), exclude=(), format="yaml")
    known = [
        client.scheduler_info(n_workers=-1),
        client.get_scheduler_logs(),
        client.get_worker_logs(),
        client.get_events(),
        client.get_task_stream(),
        client.profile(),
        client.run(lambda dask_worker: [repr(each) for each in dask_worker.state.log]),
        client.run(lambda dask_worker: repr(vars(dask_worker))),
        client.run_on_scheduler(lambda dask_scheduler: repr(vars(dask_scheduler))),
    ]
    return [repr(known).encode(), *contents(file.parent.glob(f"{file.name}*"))]


PROGRAMS = ("duckdb>=1.1", "polars>=1.9")
READ = """
import duckdb, polars, sys
folder = sys.argv[1]
files = f"{folder}/positions/**/*.parquet"
sums = f"SELECT as_of::VARCHAR, source, count(*), sum(quantity), sum(market_value) FROM '{files}' GROUP BY ALL ORDER BY ALL"
by_duckdb = [tuple(map(str, row)) for row in duckdb.sql(sums).fetchall()]
frame = polars.scan_parquet(files, hive_partitioning=True).collect()
grouped = frame.group_by("as_of", "source").agg(
    polars.len(), polars.sum("quantity"), polars.sum("market_value").alias("value")).sort("as_of", "source")
by_polars = [tuple(map(str, row)) for row in grouped.rows()]
assert by_duckdb == by_polars, (by_duckdb, by_polars)
kinds = dict(duckdb.sql(f"DESCRIBE SELECT * FROM '{files}'").project("column_name, column_type").fetchall())
assert kinds["quantity"].startswith("DECIMAL(38,"), kinds
assert isinstance(frame.schema["quantity"], polars.Decimal), frame.schema
for name in ("outcomes", "triage"):
    rows = duckdb.sql(f"SELECT count(*) FROM '{folder}/{name}.parquet'").fetchall()[0][0]
    assert rows == polars.read_parquet(f"{folder}/{name}.parquet").height
for row in by_duckdb:
    print(*row)
"""


def test_duckdb_and_polars_read_the_dataset_without_us(place):
    site = place / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site)]
    install += ["--only-binary=:all:", "--disable-pip-version-check", *PROGRAMS]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        pytest.skip("the programs cannot be installed here")
    manifest = exports(place, 6)
    old = place / "exports" / f"positions_X{CANARY}0001.csv"
    os.utime(old, (time.time() - 5 * 86400,) * 2)
    assert ended("fleet", "run", manifest, "--out", "out", "--workers", "1").returncode == 0
    read = subprocess.run(
        [sys.executable, "-c", READ, "out"],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert read.returncode == 0, read.stderr
    expected = defaultdict(lambda: [0, 0, 0])
    for row in tables(place / "out")["positions"]:
        sums = expected[str(row["as_of"]), row["source"]]
        for place_, value in enumerate((1, row["quantity"], row["market_value"])):
            sums[place_] += value
    assert len(expected) == 2
    shown = sorted((day, source, *map(str, sums)) for (day, source), sums in expected.items())
    assert [tuple(line.split()) for line in read.stdout.splitlines()] == shown


def test_triage_over_the_dataset_is_that_of_each_file_for_500_random_accounts(place):
    manifest = write_exports(place, 500, 20, datetime.now(UTC))
    done = ended("fleet", "run", manifest, "--out", "out", "--workers", "2", "--json")
    assert json.loads(done.stdout)["complete"] == 500, done.stderr
    found = defaultdict(list)
    for row in tables(place / "out")["triage"]:
        found[row["account_hash"]].append(row)
    now = datetime.fromisoformat(json.loads((place / "out" / "run.json").read_text())["started"])
    documents = list((place / "out" / "documents").glob("*.json"))
    limits = thresholds(place / "configuration")
    for file in documents:
        judged = to_document(triage(load(file, now, any_age=True), limits, now))
        names = ("root", "strategy", "action", "reason", "net_pl", "net_cost", "dte", "units")
        own = [[each[name] for name in names] for each in judged["clusters"]]
        assert [
            [row[name] for name in names] for row in found[judged["meta"]["account_hash"]]
        ] == own
    assert len(documents) == len(found) == 500
