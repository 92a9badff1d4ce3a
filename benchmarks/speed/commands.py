"""Rows that measure whole commands, as a user runs them: start of Python, imports and all."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from speed import inputs
from speed.loopback import serving
from speed.measure import Pair, pairs, run
from variance_bridge.document.exact_json import dumps

HERE = Path(__file__).parent
VARIANCE = (sys.executable, "-m", "variance_bridge")
BARE = (sys.executable, "-c", "pass")
LATE = 0.05
ROUND_TRIPS = 4
"""Of a tastytrade sync, one after the other: token, accounts, positions, balances."""


@contextmanager
def workplace() -> Iterator[tuple[Path, dict[str, str]]]:
    """An empty folder of one's own and an environment in which `variance` finds nothing of the user's."""
    with TemporaryDirectory(prefix="speed-") as name:
        folder = Path(name)
        kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "LANG") if key in os.environ}
        plain = {"HOME": name, "NO_COLOR": "1"}
        yield folder, {**kept, **plain, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}


def command(times: int, *arguments: str, prepare: Callable[[Path], None] | None = None) -> Pair:
    """`variance ARGUMENTS` beside `python -c pass`."""
    with workplace() as (folder, environment):
        if prepare is not None:
            prepare(folder)
        return pairs(
            lambda: run((*VARIANCE, *arguments), folder, environment).cpu,
            lambda: run(BARE, folder, environment).cpu,
            times,
        )


def _with_document(folder: Path) -> None:
    positions = folder / "positions"
    positions.mkdir(mode=0o700)
    file = positions / "live_acme.json"
    file.write_bytes(dumps(inputs.document(100, inputs.moment())))
    file.chmod(0o600)


def _with_csv(count: int) -> Callable[[Path], None]:
    def prepare(folder: Path) -> None:
        (folder / "export.csv").write_bytes(inputs.csv_export(count, inputs.moment()))

    return prepare


def version(times: int) -> Pair:
    return command(times, "--version")


def help_page(times: int) -> Pair:
    return command(times, "--help")


def show(times: int) -> Pair:
    return command(times, "show", prepare=_with_document)


def dashboard(times: int) -> Pair:
    return command(times, prepare=_with_document)


SYNC_CSV = ("sync", "--broker", "csv", "--input", "export.csv", "--yes")


def sync_csv(times: int) -> Pair:
    return command(times, *SYNC_CSV, prepare=_with_csv(100))


def second_sync(times: int) -> Pair:
    """A sync of 10,000 rows onto the file that it wrote before, beside one that finds none."""
    with workplace() as (folder, environment):
        _with_csv(10_000)(folder)
        written = folder / "positions" / "live_csv.json"

        def first() -> float:
            written.unlink(missing_ok=True)
            written.with_suffix(".json.prev").unlink(missing_ok=True)
            return run((*VARIANCE, *SYNC_CSV), folder, environment).cpu

        return pairs(lambda: run((*VARIANCE, *SYNC_CSV), folder, environment).cpu, first, times)


SYNC_TASTYTRADE = ("sync", "--broker", "tastytrade", "--quotes", "none")


def sync_beside_sdk(times: int, peers_python: Path) -> Pair:
    """The SDK's job beside ours: how many times faster ours is."""
    with workplace() as (folder, environment), serving(100) as address:
        there = {**environment, **address}
        job = (str(peers_python), str(HERE / "sdk_job.py"), str(folder / "sdk.json"))
        return pairs(
            lambda: run(job, folder, there).cpu,
            lambda: run((*VARIANCE, *SYNC_TASTYTRADE), folder, there).cpu,
            times,
        )


def import_of_peer(times: int, peers_python: Path, package: str) -> Pair:
    """A Python that imports a peer's package and ends, beside one that imports nothing."""
    with workplace() as (folder, environment):
        return pairs(
            lambda: run((str(peers_python), "-c", f"import {package}"), folder, environment).cpu,
            lambda: run((str(peers_python), "-c", "pass"), folder, environment).cpu,
            times,
        )


def mapper_of_peer(count: int, times: int, peers_python: Path) -> Pair:
    """What `mapper_job.py` measures, of so many positions."""
    with workplace() as (folder, environment):
        file = folder / "payload.json"
        rows = inputs.rows_of_api(count, inputs.moment())
        file.write_bytes(inputs.answer("/accounts/positions", rows))
        job = (str(peers_python), str(HERE / "mapper_job.py"), str(file), str(times))
        done = subprocess.run(job, env=environment, capture_output=True, text=True, check=True)
        ours, beside, ratio = map(float, done.stdout.split())
        return Pair(ours, beside, ratio, times)


def beyond_network(times: int) -> tuple[float, float]:
    """Of a sync whose requests are each answered 50 ms late: CPU seconds, and seconds on the clock less the round trips. Medians.

    While the first answer is on its way, a sync loads what it needs afterwards, so that by the clock it takes less than its CPU time. On
    a machine that is busy, the clock counts what the machine does for others as well: then it says nothing.
    """
    with workplace() as (folder, environment), serving(100, LATE) as address:
        there = {**environment, **address}
        used = [run((*VARIANCE, *SYNC_TASTYTRADE), folder, there) for _ in range(times + 1)][1:]
    waited = ROUND_TRIPS * LATE
    return statistics.median(one.cpu for one in used), statistics.median(
        one.wall - waited for one in used
    )


def peak_memory(count: int) -> tuple[int, int]:
    """Bytes in memory at the peak of a sync of so many CSV rows, and bytes of the document."""
    with workplace() as (folder, environment):
        _with_csv(count)(folder)
        used = run((*VARIANCE, *SYNC_CSV), folder, environment)
        return used.peak, (folder / "positions" / "live_csv.json").stat().st_size


def many_rows(count: int) -> dict[str, float]:
    """A sync of so many CSV rows, and `validate` of what it wrote."""
    with workplace() as (folder, environment):
        _with_csv(count)(folder)
        synced = run((*VARIANCE, *SYNC_CSV), folder, environment)
        file = folder / "positions" / "live_csv.json"
        checked = run((*VARIANCE, "validate", str(file)), folder, environment)
        return {
            "sync_seconds": synced.cpu,
            "sync_bytes": synced.peak,
            "document_bytes": file.stat().st_size,
            "validate_seconds": checked.cpu,
            "validate_bytes": checked.peak,
        }
