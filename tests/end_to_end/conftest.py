"""A command line with a folder of its own, run in this process or as a process."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from variance_bridge.cli.error_report import run


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    place = tmp_path / "work"
    place.mkdir(mode=0o700)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def variance(folder, capsys, monkeypatch) -> Callable[..., Done]:
    """Run the command in this process."""
    monkeypatch.setenv("COLUMNS", "400")

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Done(code, *capsys.readouterr())

    return call


HEADER = "Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,Underlying Last Price,P/L Open,Cost,beta_delta,Bid,Ask,Mark"
ROWS = (
    "XYZ,Option,-2,2031-03-21,700,50,Put,52.00,20.00,-300.00,14.5,1.39,1.41,1.40",
    "XYZ,Stock,100,,,,,52.00,200.00,5000.00,100,51.99,52.01,52.00",
    "ABC,Option,1,2031-03-21,700,12.5,Call,11.00,-5.00,75.00,20,0.69,0.71,0.70",
)


@pytest.fixture
def export(folder) -> Path:
    """Three rows in the form of the engine's own sample files; the numbers are invented."""
    path = folder / "export.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def install(tmp_path, monkeypatch):
    """What `pip install` leaves behind: a module and the metadata that point to it; gone after the test."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    modules = []

    def make(name, source, *, distribution=None, group="variance_bridge", attribute=""):
        distribution = distribution or f"{name}-plugin"
        module = distribution.replace("-", "_")
        modules.append(module)
        (site / f"{module}.py").write_text(source)
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}{attribute}\n")
        importlib.invalidate_caches()

    yield make
    for module in modules:
        sys.modules.pop(module, None)
