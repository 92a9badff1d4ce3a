"""The page on exports, typed in as it stands, with the programs that it names: they read what was written, exactly."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from variance_bridge import (
    Balances,
    Holding,
    InstrumentType,
    Meta,
    Portfolio,
    Side,
    flat_rows,
)
from variance_bridge.document import exact_json
from variance_bridge.document.convert import from_bytes, to_bytes
from variance_bridge.exports.beancount_ledger import export as beancount
from variance_bridge.exports.csv_table import export as csv
from variance_bridge.exports.parquet_file import export as parquet

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


def awkward(number: str, place: int) -> Portfolio:
    """An account with one position and cash of that amount, negative in every other account. The first two are not named."""
    side, sign = ((Side.LONG, ""), (Side.SHORT, "-"))[place % 2]
    held = Holding(
        root="QZZ",
        symbol=f"QZZ{place}",
        type=InstrumentType.STOCK,
        side=side,
        quantity=Decimal(number),
        unrealized_pl=Decimal(f"{sign}0.{place}00000000000000000000000000007"),
        multiplier=Decimal(1),
    )
    worth = Decimal(sign + number)
    return Portfolio(
        meta=Meta(
            source="acme",
            account_hash=f"{place:012}***" if place > 1 else None,
            fetched_at=datetime(2026, 3, 2, 15, tzinfo=UTC),
            currency="USD",
        ),
        positions=(held,),
        balances=Balances(currency="USD", net_liquidating_value=worth, cash=worth),
    )


@pytest.mark.slow
def test_amounts_of_any_size_are_read_back_exactly_and_accepted(site, tmp_path):
    sizes = ("0.01", "0.000000000000000001", "12345678901.123456789012345678", "9" * 20)
    accounts = [awkward(each, place) for place, each in enumerate(2 * sorted(sizes))]
    for name, export in (("csv", csv), ("parquet", parquet), ("beancount", beancount)):
        (tmp_path / f"positions.{name}").write_bytes(export(accounts))
    expected = [(row["quantity"], row["unrealized_pl"]) for each in accounts for row in flat_rows(each)]  # fmt: skip
    (tmp_path / "read.py").write_text(f"from decimal import Decimal\nexpected = {expected}\n{READ}")

    environment = {**os.environ, "PYTHONPATH": str(site)}
    for command in (["read.py"], ["-m", "beancount.scripts.check", "positions.beancount"]):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


READ = """
import duckdb, polars
columns = ["quantity", "unrealized_pl"]
assert polars.read_parquet("positions.parquet").select(columns).rows() == expected
assert duckdb.sql("SELECT quantity, unrealized_pl FROM 'positions.parquet'").fetchall() == expected
texts = polars.read_csv("positions.csv", infer_schema=False).select(columns).rows()
assert [tuple(map(Decimal, row)) for row in texts] == expected
typed = "quantity::DECIMAL(38, 18), unrealized_pl::DECIMAL(38, 30)"
read = duckdb.sql(f"SELECT {typed} FROM read_csv('positions.csv', all_varchar=true)").fetchall()
assert read == expected
"""


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
