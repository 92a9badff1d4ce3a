"""Runs the project's checks: lint, types, docs, tests; when asked, dist. Called by ./check.

Every step runs, whatever became of the one before; the exit code is 0 when all passed, else 1.
The last line of the output counts the tests: `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (
    "src",
    "scripts",
    *sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("plugins/*/src")),
    "plugins/tastytrade/tests/simulator/tastytrade_simulator",
)
WORKERS = ("-n", "2")
FAST_SUITE_BUDGET = 90.0
"""Seconds that the fast suite may take on two cores without measuring coverage. A slower run is
reported and still passes: the clock of a busy machine proves nothing about the code."""


@dataclass(frozen=True)
class Step:
    """One check: commands that are run in order, all of them."""

    name: str
    commands: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a step."""

    name: str
    passed: bool
    seconds: float


def python(*arguments: str) -> tuple[str, ...]:
    """A command of this environment. -P: a file in the working folder never shadows a module."""
    return (sys.executable, "-P", "-m", *arguments)


def steps(options: argparse.Namespace, reports: Path) -> list[Step]:
    """The steps that were asked for, tests last so that their result ends the output."""
    lint = Step("lint", (python("ruff", "check", "."), python("ruff", "format", "--check", ".")))
    types = Step("types", (python("mypy", "--strict", *SOURCES),))
    docs = Step("docs", (python("mkdocs", "build", "--strict"),))
    tests = Step("tests", pytest_commands(options, reports))
    if "dist" in options.step:
        build = (sys.executable, "-P", str(ROOT / "scripts" / "build_distributions.py"))
        dist = [Step("dist", (build,))]
    else:
        dist = []  # what it builds is not needed to judge a change; a slow test runs it
    known = [lint, types, docs, *dist, tests]
    return [step for step in known if not options.step or step.name in options.step]


def pytest_commands(options: argparse.Namespace, reports: Path) -> tuple[tuple[str, ...], ...]:
    """The fast suite, and the slow proofs after it where they are asked for.

    Coverage is measured on the fast suite alone. The slow proofs copy the code, kill processes and
    count system calls, and a tracer would be in the way of all three.
    """
    if options.pytest:
        selection = [] if options.slow else ["-m", "not slow"]
        workers = [] if selects_few(options.pytest) else WORKERS
        report = f"--junit-xml={reports / 'own.xml'}"
        return (python("pytest", "-q", *workers, *selection, report, *options.pytest),)
    coverage = ["--cov", "--cov-report="] if options.coverage else []
    seed = f"--hypothesis-seed={seed_of_the_tree()}"
    fast = python(
        "pytest",
        "-q",
        *WORKERS,
        "-m",
        "not slow",
        seed,
        f"--junit-xml={reports / 'fast.xml'}",
        *coverage,
    )
    proofs = f"--junit-xml={reports / 'slow.xml'}"
    slow = python("pytest", "-q", *WORKERS, "-m", "slow", seed, proofs)
    return (fast, slow) if options.slow else (fast,)


def seed_of_the_tree() -> int:
    """Where the random examples of CI begin: elsewhere for every change, and at the same place when a commit is run again."""
    command = ("git", "rev-parse", "HEAD^{tree}")
    tree = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return int(tree[:8] or "0", 16)


def selects_few(arguments: Sequence[str]) -> bool:
    """Whether a path or a `-k` picks some of the tests. Starting workers would take longer then."""
    return any(
        argument.startswith("-k") or (ROOT / argument.partition("::")[0]).exists()
        for argument in arguments
        if argument
    )


def files_below_the_floor(reports: Path) -> list[str]:
    """A line for each file with less coverage than the floor of pyproject.toml, the worst first.

    Empty when nothing was measured, and when the total reaches the floor: a file alone may not.
    """
    report = reports / "coverage.json"
    command = python("coverage", "json", "-q", "--fail-under=0", "-o", str(report))
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        return []
    measured = json.loads(report.read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    floor = project["tool"]["coverage"]["report"]["fail_under"]
    if measured["totals"]["percent_covered"] >= floor:
        return []
    below = sorted(
        (file["summary"]["percent_covered"], name, file["missing_lines"])
        for name, file in measured["files"].items()
        if file["summary"]["percent_covered"] < floor
    )
    return [f"{percent:6.1f} %  {name}: lines {lines}" for percent, name, lines in below]


def run(step: Step) -> Outcome:
    """Runs a step under a heading, its output as it comes."""
    print(f"\n== {step.name}", flush=True)
    started = time.monotonic()
    environment = {**os.environ}
    # Without bytecode pytest would compile all test modules anew in each worker: 4 s of each run.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    codes = [
        subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        for command in step.commands
    ]
    seconds = time.monotonic() - started
    passed = not any(codes)
    print(f"== {step.name}: {'passed' if passed else 'FAILED'} after {seconds:.1f} s", flush=True)
    return Outcome(step.name, passed, seconds)


def count_tests(reports: Path) -> str:
    """The line that ends the output, from pytest's own reports; empty when no tests ran."""
    try:
        suites = [
            suite
            for report in sorted(reports.glob("*.xml"))
            for suite in ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - pytest's
        ]
    except (OSError, ET.ParseError):
        return ""
    if not suites:
        return ""

    def total(attribute: str) -> int:
        return sum(int(suite.get(attribute, "0")) for suite in suites)

    failed = total("failures") + total("errors")
    skipped = total("skipped")
    passed = total("tests") - failed - skipped
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def arguments() -> argparse.Namespace:
    """What was asked for; everything after `--` goes to pytest."""
    given = sys.argv[1:]
    cut = given.index("--") if "--" in given else len(given)
    parser = argparse.ArgumentParser(prog="check", description="Runs the project's checks.")
    parser.add_argument(
        "step",
        nargs="*",
        metavar="STEP",
        help="lint, types, docs, tests (all four when none is named), or dist",
    )
    parser.add_argument(
        "--slow",
        action="store_true",
        help="run the tests marked slow as well (the default where CI is set)",
    )
    parser.add_argument(
        "--coverage",
        action="store_true",
        help="measure coverage and hold it to its floor (the default where CI is set)",
    )
    parser.epilog = "Arguments after -- go to pytest; coverage is then not measured."
    options = parser.parse_args(given[:cut])
    unknown = set(options.step) - {"lint", "types", "docs", "dist", "tests"}
    if unknown:
        parser.error(f"unknown step: {', '.join(sorted(unknown))}")
    options.pytest = given[cut + 1 :]
    in_ci = os.environ.get("CI", "").lower() in {"1", "true"}
    options.slow = options.slow or in_ci
    options.coverage = (options.coverage or in_ci) and not options.pytest
    return options


def main() -> int:
    """Runs the steps, then says how each went; returns the exit code."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        reports = Path(folder)
        outcomes = [run(step) for step in steps(options, reports)]
        counted = count_tests(reports)
        failed = any(outcome.name == "tests" and not outcome.passed for outcome in outcomes)
        uncovered = files_below_the_floor(reports) if options.coverage and failed else []
    if uncovered:
        print("\n== files below the floor of coverage", *uncovered, sep="\n")
    print("\n== summary")
    for outcome in outcomes:
        print(
            f"{outcome.name:6} {'passed' if outcome.passed else 'FAILED'} {outcome.seconds:6.1f} s"
        )
        plain = outcome.name == "tests" and not (options.slow or options.coverage)
        if plain and outcome.seconds > FAST_SUITE_BUDGET:
            print(f"       slower than the fast suite's budget of {FAST_SUITE_BUDGET:.0f} s")
    if counted:
        print(counted)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
