"""How fast Variance Bridge is: every row of docs/performance.md, each a ratio within one run.

Run: python benchmarks/run.py [NAME...] [--write] [--peers-python PYTHON] [--list]

With names only those rows are measured; `million` only where it is named. `--write` puts the table into docs/performance.md (with all rows only). `--peers-python`
names a Python that has the public SDKs `tastytrade` and `luxalgo-broker-sdk` installed; without it their rows are skipped. About eight minutes for all.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from speed import commands, library
from speed.measure import Pair

PAGE = Path(__file__).resolve().parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
PACKAGES = ("msgspec", "jsonschema-rs", "attrs", "click", "urllib3", "rich")
MANY = 100_000
ONLY_NAMED = {"million"}
"""Takes minutes and gigabytes."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        name: on the command line.
        what: is measured.
        beside: what it is held against.
        bar: that it should not exceed (or, for `at_least`, should reach); None where it is a peer's figure, for comparison only.
        measure: gives the figure, and how it came about.
        unit: of figure and bar.
        at_least: whether more is better.
    """

    name: str
    what: str
    beside: str
    bar: float | None
    measure: Callable[[], tuple[float, str]]
    unit: str = "x"
    at_least: bool = False


def paired(measure: Callable[[], Pair]) -> Callable[[], tuple[float, str]]:
    """The ratio of a pair, with both medians."""

    def figure() -> tuple[float, str]:
        pair = measure()
        return pair.ratio, f"{_time(pair.ours)} / {_time(pair.beside)}, {pair.times} pairs"

    return figure


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.1f} ms"


def memory() -> tuple[float, str]:
    peak, size = commands.peak_memory(MANY)
    return peak / size, f"{peak / 2**20:.0f} MiB / {size / 2**20:.0f} MiB, once"


def beyond_network() -> tuple[float, str]:
    cpu, clock = commands.beyond_network(10)
    return (
        clock * 1000,
        f"10 times; {_time(cpu)} of CPU time, part of it while the first answer is on its way",
    )


def million() -> tuple[float, str]:
    found = commands.many_rows(1_000_000)
    size = found["document_bytes"]
    text = (
        f"{_time(found['sync_seconds'])} and {found['sync_bytes'] / 2**20:.0f} MiB for a document of {size / 2**20:.0f} MiB,"
        f" which `variance validate` accepts in {_time(found['validate_seconds'])}"
        f" and {found['validate_bytes'] / 2**20:.0f} MiB; once"
    )
    return found["sync_bytes"] / size, text


def rows(peers_python: Path | None) -> Iterator[Row]:
    """All rows, in the order of the page."""
    bare = "`python -c pass`"
    yield Row("version", "`variance --version`", bare, 5, paired(lambda: commands.version(20)))
    yield Row("help", "`variance --help`", bare, 5, paired(lambda: commands.help_page(20)))
    yield Row("show", "`variance show`, 100 positions", bare, 16, paired(lambda: commands.show(15)))
    yield Row(
        "dashboard", "`variance`, 100 positions", bare, 20, paired(lambda: commands.dashboard(15))
    )
    yield Row(
        "sync-csv",
        "`variance sync --broker csv`, 100 positions",
        bare,
        14,
        paired(lambda: commands.sync_csv(15)),
    )
    # Before the rows that fill this process: a child's peak counts what its parent held when it was started.
    yield Row(
        "memory", f"peak memory of a sync of {MANY:,} CSV rows", "size of the document", 6, memory
    )
    if peers_python is not None:
        yield Row(
            "sdk",
            "the job of `variance sync --broker tastytrade` written with the SDK `tastytrade`, 100 positions, loopback server",
            "`variance sync --broker tastytrade --quotes none`",
            4,
            paired(lambda: commands.sync_beside_sdk(10, peers_python)),
            at_least=True,
        )
        yield from peers(peers_python)
    for count in (10_000, MANY):
        yield Row(
            f"tastytrade-{count}",
            f"payload of tastytrade to published document, {count:,} positions",
            "`json.loads` + `json.dumps` of the payload",
            4,
            paired(lambda count=count: library.tastytrade(count, 10)),  # type: ignore[misc]
        )
    yield Row(
        "csv",
        f"CSV file to published document, {MANY:,} rows",
        "`list(csv.DictReader(f))` + `json.dumps` of it",
        4,
        paired(lambda: library.csv_file(MANY, 10)),
    )
    yield Row(
        "gate",
        "schema's verdict, 10,000 positions",
        "`json.loads` of the document",
        1,
        paired(lambda: library.gate(10_000, 10)),
    )
    yield Row(
        "load",
        f"`variance_bridge.load`, {MANY:,} positions",
        "`json.loads`",
        4,
        paired(lambda: library.load_document(MANY, 10)),
    )
    yield Row(
        "validate",
        f"`variance validate`, {MANY:,} positions",
        "`json.loads`",
        5,
        paired(lambda: library.validate(MANY, 10)),
    )
    yield Row(
        "second-sync",
        "sync of 10,000 CSV rows onto the file it wrote before",
        "onto none",
        1.2,
        paired(lambda: commands.second_sync(10)),
    )
    yield Row(
        "triage",
        "strategies and triage, 20,000 legs of one underlying, all expirations different",
        "2,000 legs",
        12,
        paired(lambda: library.triage(10)),
    )
    yield Row(
        "beyond-network",
        "`variance sync --broker tastytrade`, 100 positions, by the clock, answers 50 ms late, less four round trips",
        "zero",
        150,
        beyond_network,
        unit=" ms",
    )
    yield Row(
        "million", "peak memory of a sync of 1,000,000 CSV rows", "size of the document", 6, million
    )


def peers(python: Path) -> Iterator[Row]:
    """What peers' packages take for a part of it."""
    for package, name in (("tastytrade", "tastytrade"), ("broker_sdk", "luxalgo-broker-sdk")):
        yield Row(
            f"import-{name}",
            f"import of the SDK `{name}`",
            "`python -c pass`",
            None,
            paired(lambda package=package: commands.import_of_peer(10, python, package)),  # type: ignore[misc]
        )
    yield Row(
        "mapper",
        "payload of tastytrade to the JSON of `luxalgo-broker-sdk`, 10,000 positions, nothing checked or written",
        "`json.loads` + `json.dumps` of the payload",
        None,
        paired(lambda: commands.mapper_of_peer(10_000, 10, python)),
    )


def line(row: Row, figure: float, how: str) -> str:
    """A line of the table."""
    shown = (
        f"{figure:.0f}" if row.unit != "x" else f"{figure:.2g}" if figure < 10 else f"{figure:.0f}"
    )
    if row.bar is None:
        return f"| {row.what} | {row.beside} | | {shown}{row.unit} | {how} |"
    holds = figure >= row.bar if row.at_least else figure <= row.bar
    sign, verdict = "≥" if row.at_least else "≤", "" if holds else " (missed)"
    return f"| {row.what} | {row.beside} | {sign} {row.bar:g}{row.unit} | {shown}{row.unit}{verdict} | {how} |"


def surroundings() -> str:
    """Machine, versions, date."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, variance-bridge {version('variance-bridge')};"
        f" {platform.python_implementation()} {platform.python_version()}, {packages};"
        f" {platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} cores"
    )


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for entry in facts.read_text().splitlines():
            if entry.startswith("model name"):
                return entry.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def write(table: Sequence[str]) -> None:
    """Put the table into the page."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END, 1)[1]
    text = "\n".join((BEGIN, "", *table, "", END))
    PAGE.write_text(f"{before}{text}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument(
        "--peers-python", type=Path, help="a Python with the SDKs tastytrade and luxalgo-broker-sdk"
    )
    options = parser.parse_args()
    chosen = [
        one
        for one in rows(options.peers_python)
        if one.name in options.names or (not options.names and one.name not in ONLY_NAMED)
    ]
    if options.list:
        print("\n".join(one.name for one in rows(options.peers_python)))
        return 0
    table = [
        f"Measured {surroundings()}.",
        "",
        "| what | beside | bar | measured | medians |",
        "| --- | --- | --- | --- | --- |",
    ]
    print("\n".join(table), flush=True)
    for one in chosen:
        table.append(line(one, *one.measure()))
        print(table[-1], flush=True)
    if options.peers_python is None:
        print("The peers' rows are skipped: no --peers-python.", file=sys.stderr)
    if options.write and not options.names:
        write(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
