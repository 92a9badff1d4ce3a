"""What a fleet costs: the table of docs/fleet.md, and its arithmetic for a million accounts.

Run: python benchmarks/fleet.py [--accounts N] [--beside N] [--write]

`--accounts` are done by two workers at once (10,000 by default); `--beside` of them by a plain loop, one worker and two, for the ratios (1,000). CPU seconds are
those of all processes: command, scheduler, workers. The loop is run before and after the workers, so that a machine that slows down meets both; and two loops at the
same time show what two busy cores take from each other, whatever they do. About ten minutes on two quiet cores, and 2 GB of disk in the folder for temporary files.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from speed.broker_exports import write_exports
from speed.commands import VARIANCE
from speed.measure import Usage, run

PAGE = Path(__file__).resolve().parents[1] / "docs" / "fleet.md"
TABLE, ARITHMETIC, END = "<!-- measured -->", "<!-- arithmetic -->", "<!-- end -->"
LOOP = (sys.executable, str(Path(__file__).parent / "speed" / "plain_loop.py"))
POSITIONS, FEW = 100, 10
OVERHEAD_BAR, SPEED_UP_BAR = 1.3, 1.7
MILLION, CENTS_PER_CORE_HOUR = 1_000_000, 5


class Place:
    """A folder with exports and an installation that has a key."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH", "LANG") if key in os.environ}
        home = {"HOME": str(folder), "VARIANCE_CONFIG_DIR": str(folder / "configuration")}
        keyring = {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
        self._environment = {**kept, **home, **keyring}

    def exports(self, name: str, accounts: int, positions: int) -> Path:
        """A manifest of so many accounts; the first sync makes the key."""
        folder = self._folder / name
        folder.mkdir()
        manifest = write_exports(folder, accounts, positions, datetime.now(UTC))
        first = min(folder.glob("exports/*/*.csv"))
        self._run(*VARIANCE, "sync", str(first), "--output", str(folder / "first.json"))
        return manifest

    def loop(self, manifest: Path, at_once: int = 1) -> Usage:
        """A plain loop, or several at the same time: what each of them used on average."""
        with self._output() as out, ThreadPoolExecutor(at_once) as processes:
            out.mkdir()
            folders = [out / str(number) for number in range(at_once)]
            return mean(
                processes.map(lambda own: self._run(*LOOP, str(manifest), str(own)), folders)
            )

    def fleet(self, manifest: Path, workers: int) -> tuple[Usage, dict[str, int]]:
        """A run, and the bytes that it wrote for each purpose."""
        with self._output() as out:
            arguments = ("--out", str(out), "--workers", str(workers))
            used = self._run(*VARIANCE, "fleet", "run", str(manifest), *arguments)
            report = json.loads((out / "run.json").read_bytes())
            assert report["inputs"], report
            return used, {
                name: _bytes_below(out / name) for name in ("documents", "work", "positions")
            }

    def _run(self, *command: str) -> Usage:
        return run(command, self._folder, self._environment)

    @contextmanager
    def _output(self) -> Iterator[Path]:
        out = self._folder / "out"
        try:
            yield out
        finally:
            rmtree(out, ignore_errors=True)


def mean(usages: Iterable[Usage]) -> Usage:
    """CPU and wall-clock seconds on average; of the peaks the largest."""
    every = list(usages)
    cpu, wall = (
        sum(each) / len(every) for each in zip(*((u.cpu, u.wall) for u in every), strict=True)
    )
    return Usage(cpu, wall, max(each.peak for each in every))


def _bytes_below(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@dataclass(frozen=True)
class Figures:
    """All that was measured; `beside` accounts but for `large`, which is of `accounts`. `loops` is of each of two plain loops at the same time."""

    accounts: int
    beside: int
    loop: Usage
    loops: Usage
    one: Usage
    two: Usage
    few: Usage
    large: Usage
    sizes: dict[str, int]


def measured(accounts: int, beside: int) -> Figures:
    with TemporaryDirectory(prefix="fleet-") as name:
        place = Place(Path(name))
        some = place.exports("some", beside, POSITIONS)
        few = place.exports("few", beside, FEW)
        _said("loop", before := place.loop(some))
        _said("one worker", one := place.fleet(some, 1)[0])
        _said("two workers", two := place.fleet(some, 2)[0])
        _said("few positions", of_few := place.fleet(few, 1)[0])
        _said("two loops, each", loops := place.loop(some, at_once=2))
        _said("loop", after := place.loop(some))
        loop = mean([before, after])
        all_of_them = place.exports("all", accounts, POSITIONS)
        large, sizes = place.fleet(all_of_them, 2)
        _said("all", large)
    return Figures(accounts, beside, loop, loops, one, two, of_few, large, sizes)


def _said(what: str, used: Usage) -> None:
    print(f"{what}: {used.wall:.1f} s, {used.cpu:.1f} s CPU", file=sys.stderr, flush=True)


def lines(found: Figures) -> Iterator[str]:
    """The table."""
    each, beside = f"{found.accounts:,}", f"{found.beside:,}"
    per_account = found.loop.cpu / found.beside
    large = found.large.cpu / found.accounts
    per_position = (found.one.cpu - found.few.cpu) / found.beside / (POSITIONS - FEW)
    grown = (found.large.peak - found.two.peak) / max(1, found.accounts - found.beside)
    yield from ("| | | |", "|---|---|---|")
    yield f"| {each} accounts × {POSITIONS} positions, two workers | total time | {_seconds(found.large.wall)} |"
    yield f"| a plain loop over sync and triage, {beside} accounts | CPU per account | {_ms(per_account)} |"
    yield f"| two such loops at the same time, {beside} accounts each | CPU per account | {_ms(found.loops.cpu / found.beside)}: {found.loops.cpu / found.loop.cpu:.2f}x |"
    yield f"| fleet, {beside} accounts, one worker | CPU per account, all processes | {_ratio(found.one.cpu / found.beside, per_account)} |"
    yield f"| fleet, {each} accounts, two workers | CPU per account, all processes | {_ratio(large, per_account)} |"
    yield f"| fleet | CPU per position; per account beside its positions | {_ms(per_position)}; {_ms(max(0.0, found.few.cpu / found.beside - FEW * per_position))} |"
    yield f"| two workers over one, {beside} accounts | speed-up | {_bar(found.one.wall / found.two.wall, SPEED_UP_BAR, at_least=True)} |"
    yield f"| {beside} and {each} accounts, two workers | peak memory of the largest process | {_mib(found.two.peak)} and {_mib(found.large.peak)}: {_kib(grown)} for each account more |"
    sizes = " · ".join(
        _kib(found.sizes[name] / found.accounts) for name in ("documents", "work", "positions")
    )
    yield f"| written per account | document · rows in `work/` · Parquet of positions | {sizes} |"


def arithmetic(found: Figures) -> str:
    """What a million accounts need, by what each of `accounts` needed."""
    cpu = found.large.cpu / found.accounts * MILLION
    hours = cpu / 3600
    document, rows, parquet = (
        found.sizes[name] / found.accounts * MILLION / 1e9
        for name in ("documents", "work", "positions")
    )
    return (
        f"With {_ms(cpu / MILLION)} of CPU per account of {POSITIONS} positions: {cpu:,.0f} s, or {hours:.0f} core-hours. Two cores need {hours / 2:.1f} hours,\n"
        f"16 cores {hours / 16 * 60:.0f} minutes. At {CENTS_PER_CORE_HOUR} cents a core-hour that is {hours * CENTS_PER_CORE_HOUR:.0f} cents. Beside it {document:.0f} GB of documents,\n"
        f"{rows:.0f} GB in `work/` (which may go when no `--resume` will follow) and {parquet:.0f} GB of Parquet."
    )


def _ratio(cpu: float, beside: float) -> str:
    return f"{_ms(cpu)}: {_bar(cpu / beside, OVERHEAD_BAR)}"


def _bar(figure: float, bar: float, *, at_least: bool = False) -> str:
    holds = figure >= bar if at_least else figure <= bar
    return f"{figure:.2f}x ({'≥' if at_least else '≤'} {bar}{'' if holds else ', missed'})"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"


def _mib(size: float) -> str:
    return f"{size / 2**20:.0f} MiB"


def _kib(size: float) -> str:
    return f"{size / 2**10:.1f} KiB"


def surroundings() -> str:
    """Machine, versions, date."""
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("variance-bridge", "distributed", "pyarrow")
    )
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {packages}; {platform.python_implementation()} {platform.python_version()};"
        f" {platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at the end; exports of five formats, by turns."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--beside", type=int, default=1_000)
    parser.add_argument("--write", action="store_true", help="put both into docs/fleet.md")
    chosen = parser.parse_args()
    found = measured(chosen.accounts, chosen.beside)
    table = "\n".join([*lines(found), "", surroundings()])
    print(table, arithmetic(found), sep="\n\n")
    if chosen.write:
        text = _replaced(PAGE.read_text(), TABLE, table)
        PAGE.write_text(_replaced(text, ARITHMETIC, arithmetic(found)))


def _replaced(text: str, begin: str, measured: str) -> str:
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{measured}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    main()
