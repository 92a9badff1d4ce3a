"""Runs with real workers: whole, killed at random, poisoned, and on a cluster that was started elsewhere."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fleet_exports import command, exports, installation, start, tables

pytestmark = pytest.mark.slow

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
def scheduler(place):
    """The address of a scheduler with one worker, each a process of its own."""
    log = place / "scheduler.log"
    run = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]
    with log.open("w") as stream:
        first = subprocess.Popen([*run, "--no-dashboard"], stderr=stream, stdout=stream)
    started = [first]
    try:
        for _ in range(600):
            if found := re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text()):
                break
            time.sleep(0.1)
        else:
            raise AssertionError(log.read_text())
        work = [sys.executable, "-m", "distributed.cli.dask_worker", found[0], "--no-dashboard"]
        worker = subprocess.Popen(
            [*work, "--nthreads", "1", "--local-directory", str(place / "spill")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started.append(worker)
        yield found[0]
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait(30)


def test_a_cluster_that_runs_already_is_used_and_left_running(place, scheduler):
    from distributed import Client

    manifest = exports(place, 10)
    with Client(scheduler) as client:
        client.wait_for_workers(1, timeout=60)
        done = ended("fleet", "run", manifest, "--out", "out", "--scheduler", scheduler)
        assert done.returncode == 0, done.stderr
        assert "10 complete" in done.stdout
        assert len(client.scheduler_info()["workers"]) == 1


PROGRAMS = ("duckdb>=1.1", "polars>=1.9")
READ = """
import duckdb, polars, sys
folder = sys.argv[1]
counted = duckdb.sql(f"SELECT count(*), sum(quantity) FROM '{folder}/positions/**/*.parquet'").fetchall()[0]
frame = polars.scan_parquet(f"{folder}/positions/**/*.parquet").collect()
assert counted == (frame.height, frame["quantity"].sum()), counted
print(frame.height, frame["quantity"].sum())
"""


def test_duckdb_and_polars_read_the_dataset_without_us(place):
    site = place / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site)]
    install += ["--only-binary=:all:", "--disable-pip-version-check", *PROGRAMS]
    if subprocess.run(install, capture_output=True, check=False).returncode:
        pytest.skip("the programs cannot be installed here")
    manifest = exports(place, 5)
    assert ended("fleet", "run", manifest, "--out", "out", "--workers", "1").returncode == 0
    read = subprocess.run(
        [sys.executable, "-c", READ, "out"],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert read.returncode == 0, read.stderr
    rows = tables(place / "out")["positions"]
    assert read.stdout.split() == [str(len(rows)), str(sum(row["quantity"] for row in rows))]
