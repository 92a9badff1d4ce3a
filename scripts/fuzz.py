"""Fuzzing by hand: `python scripts/fuzz.py TARGET --seconds N`.

Runs one target (or `all`) of tests/fuzz/fuzz_targets.py on mutants of its corpus, and prints what it finds: the input as a
file, and the exception. With `--atheris`, atheris guides the mutants by coverage; it is installed by whoever wants it
(`pip install atheris`) and no dependency.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "fuzz"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz; 0 when nothing was found, else 1."""
    options = _parser().parse_args(arguments)
    logging.disable(logging.CRITICAL)
    targets = _targets().TARGETS
    if options.target != "all" and options.target not in targets:
        sys.stderr.write(f"There is no such target. There are: all, {', '.join(targets)}\n")
        return 2
    names = list(targets) if options.target == "all" else [options.target]
    if options.input is not None:
        targets[names[0]](options.input.read_bytes())
        return 0
    if options.atheris:
        return _guided(names[0], options)
    found = 0
    for name in names:
        found += _fuzz(name, options.seconds / len(names), options.seed, options.findings)
    return int(found > 0)


def _targets() -> Any:
    """The module of the targets, which lives with the tests; imported late, so that atheris can instrument it."""
    return importlib.import_module("fuzz_targets")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("target", help="a target's name, or all")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other mutants")
    parser.add_argument(
        "--findings",
        type=Path,
        default=Path(tempfile.gettempdir()) / "fuzz-findings",
        help="folder for the inputs that fail",
    )
    parser.add_argument("--atheris", action="store_true", help="let atheris guide the mutants")
    parser.add_argument("--input", type=Path, help="run the target on one file and stop")
    return parser


def _fuzz(name: str, seconds: float, seed: int, folder: Path) -> int:
    """Run one target for so long; returns the number of different failures."""
    module = _targets()
    inputs = importlib.import_module("fuzz_mutation").inputs
    target, until = module.TARGETS[name], time.monotonic() + seconds
    failures: set[str] = set()
    runs, slowest = 0, 0.0
    for data in inputs(module.seeds(name), seed):
        began = time.monotonic()
        if began >= until:
            break
        runs += 1
        try:
            target(data)
        except Exception as error:  # noqa: BLE001 - any exception is a finding
            place = _place_of(error)
            if place not in failures:
                failures.add(place)
                _report(name, data, error, folder)
        slowest = max(slowest, time.monotonic() - began)
    print(f"{name}: {runs} inputs, {len(failures)} different failures, slowest {slowest:.2f} s")
    return len(failures)


def _place_of(error: BaseException) -> str:
    """What makes two failures the same one."""
    frames = traceback.extract_tb(error.__traceback__)[-2:]
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
    return f"{type(error).__name__} at {places}"


def _report(name: str, data: bytes, error: BaseException, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
    file.write_bytes(data)
    print(f"{name}: {_place_of(error)}\n  input: {file}")
    traceback.print_exception(error, limit=-6, file=sys.stdout)


def _guided(name: str, options: argparse.Namespace) -> int:
    """Coverage-guided; atheris ends the process itself when it finds something."""
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports():
        module = _targets()
        for one in module.TARGETS.values():
            one(b"")  # what is imported on first use is instrumented too
    grown = options.findings / f"corpus-{name}"
    grown.mkdir(parents=True, exist_ok=True)
    flags = [
        f"-max_total_time={int(options.seconds)}",
        f"-artifact_prefix={options.findings}/{name}-",
        f"-seed={options.seed + 1}",
        "-max_len=16384",
    ]
    atheris.Setup(["fuzz", *flags, str(grown), str(module.CORPUS / name)], module.TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
