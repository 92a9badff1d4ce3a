"""The page on exports, typed in as it stands, with the programs that it names: they read what was written, exactly."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from variance_bridge.document import exact_json
from variance_bridge.document.convert import from_bytes, to_bytes

ROOT = Path(__file__).parents[2]
PROGRAMS = ("beancount>=3", "duckdb>=1.1", "pandas>=2.2", "polars>=1.9")


def page_reader():
    """The reader of pages from the tests of the documentation."""
    place = ROOT / "tests" / "docs" / "test_pages_run.py"
    specification = importlib.util.spec_from_file_location("pages_run", place)
    module = importlib.util.module_from_spec(specification)
    sys.modules["pages_run"] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the programs; this environment stays as it is locked."""
    folder = tmp_path_factory.mktemp("site")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder)]
    install += ["--only-binary=:all:", "--disable-pip-version-check", *PROGRAMS]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the programs cannot be installed here: {done.stderr.strip()[-200:]}")
    return folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    work = tmp_path / "work"
    (work / "positions").mkdir(parents=True)
    portfolio, _ = from_bytes((ROOT / "schemas" / "examples" / "full.json").read_bytes())
    document = exact_json.loads(to_bytes(portfolio))
    now = datetime.now(UTC) - timedelta(minutes=1)
    document["meta"]["fetched_at"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    (work / "positions" / "live_tasty.json").write_bytes(exact_json.dumps(document))
    (work / "variance").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m variance_bridge "$@" 2>/dev/null\n'
    )
    (work / "variance").chmod(0o755)
    monkeypatch.setenv("PATH", f"{work}:/usr/bin:/bin")
    return work


@pytest.mark.slow
def test_pandas_polars_duckdb_and_beancount_read_what_the_page_writes(site, folder, monkeypatch):
    pages = page_reader()
    page = ROOT / "docs" / "exports.md"
    typed = pages.Reader(folder)
    programs = []
    for block in pages.blocks(page):
        if block.language == "python":
            programs.append(block.text)
        elif block.role in {"run", "prove"}:
            typed.type_in(block.text)
    assert len(programs) >= 4

    monkeypatch.setenv("PYTHONPATH", str(site))
    (folder / "page.py").write_text("\n".join([*programs, EXACT]))
    done = subprocess.run(
        [sys.executable, "page.py"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

    checked = subprocess.run(
        [sys.executable, "-m", "beancount.scripts.check", "positions.beancount"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


EXACT = """
expected = snapshot.rows()
assert held.to_dicts() == expected
found = duckdb.sql("SELECT * FROM 'positions.parquet'")
assert found.columns == list(expected[0])
numbers = [name for name, kind in zip(found.columns, found.types) if "DECIMAL" in str(kind)]
listed = duckdb.sql("SELECT " + ", ".join(numbers) + " FROM 'positions.parquet'").fetchall()
assert listed == [tuple(row[name] for name in numbers) for row in expected]
in_pandas = pandas.read_parquet("positions.parquet")
for name in numbers:
    known = [None if value is None or value != value else value for value in in_pandas[name]]
    assert known == [row[name] for row in expected]
"""
