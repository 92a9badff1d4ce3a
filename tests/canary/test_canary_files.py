"""No cell of an export, no value of a document and no account in a file's name gets out."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"
FORMATS = ("text", "json", "github", "junit", "sarif")
TOGETHER = 3
"""Columns whose cells are canaries in one file, each in a row of its own; messages name the first five rows."""

EXPORTS = {
    # file: header line from 0, a data line, columns whose text is published
    "variance_plain": (0, 1, {"Sector"}),
    "tastytrade_2026": (0, 1, set()),
    "schwab_all_accounts": (3, 5, set()),
    "fidelity": (0, 1, set()),
    "ibkr_flex": (0, 3, {"Symbol"}),  # the terms stand beside it: it is `broker_symbol`
    "vanguard": (0, 1, set()),
    "template": (0, 1, {"Sector"}),
}


def cells(line: str) -> list[str]:
    """The cells of a line of the corpus, whose quoted cells hold commas at most."""
    import csv

    return next(csv.reader([line]))


def joined(row: list[str]) -> str:
    return ",".join('"' + cell.replace('"', '""') + '"' for cell in row)


def export(name: str) -> list[str]:
    return (CORPUS / "csv" / name).read_text(encoding="utf-8").splitlines()


def variants(name: str, canaries: Any) -> Iterator[str]:
    """The export with more rows: copies of a good one, each with a canary in the place of one cell."""
    lines = export(name)
    header, row, published = EXPORTS[name]
    names, good = cells(lines[header]), cells(lines[row])
    columns = [
        place for place, column in enumerate(names) if place < len(good) and column not in published
    ]
    for start in range(0, len(columns), TOGETHER):
        added = [
            joined([canaries.text(f"{name}: {names[place]}") if i == place else c for i, c in enumerate(good)])
            for place in columns[start : start + TOGETHER]
        ]  # fmt: skip
        yield "\n".join([*lines[: row + 1], *added, *lines[row + 1 :]]) + "\n"


@pytest.mark.parametrize("name", list(EXPORTS))
def test_no_cell_of_an_export_gets_out(nest, canaries, name):
    for number, text in enumerate(variants(name, canaries)):
        file = nest.input(f"export{number}.csv", text)
        out = f"out{number}.json"
        reader = ("show", "triage")[number % 2]
        nest.run_silently(
            "sync", "--broker", "csv", "--input", file, "--output", out, "--all-accounts"
        )
        nest.run_silently(reader, "--any-age", file)


@pytest.mark.parametrize("name", ["tastytrade_2026", "schwab_all_accounts", "fidelity", "template"])
def test_no_line_outside_of_the_table_gets_out(nest, canaries, name):
    lines = export(name)
    header, row, _published = EXPORTS[name]
    for place in sorted({0, header, row, len(lines)}):
        mark = canaries.text(f"{name}: line {place + 1}")
        for number, line in enumerate(
            (mark, f"{mark},{mark}", f'"{mark}', f'"{mark}"x,,')[:: 1 + place % 2]
        ):
            text = "\n".join([*lines[:place], line, *lines[place:]])
            file = nest.input(f"export{place}-{number}.csv", text)
            nest.run_silently("sync", "--broker", "csv", "--input", file, "--output", "out.json")


def test_accounts_in_an_export_are_published_as_hashes(nest, canaries):
    for name, old in {
        "ibkr_flex": ("U0000001",),
        "schwab_all_accounts": ("Brokerage XXXX-0001", "Rollover IRA XXXX-0002"),
        "fidelity": tuple({cells(line)[0] for line in export("fidelity")[1:3]}),
    }.items():
        text = "\n".join(export(name)) + "\n"
        for value in old:
            personal = canaries.text(f"{name}: {value}")
            text = text.replace(
                value, f"{personal} XXXX-{personal[-4:-1]}" if " " in value else personal
            )
        file = nest.input(f"{name}.csv", text)
        for command in (
            ("sync", "--broker", "csv", "--input", file, "--all-accounts", "--output", f"{name}.json"),
            ("sync", "--broker", "csv", "--input", file, "--output", f"{name}-1.json"),
            ("accounts", "--broker", "csv", "--input", file, "--json"),
            ("show", "--any-age", file),
        ):  # fmt: skip
            nest.run_silently(*command)
        assert nest.run("accounts", "--broker", "csv", "--input", file).code == 0


FAULTY = {
    "a PDF": b"%PDF-1.7 ",
    "a zip": b"PK\x03\x04",
    "a page": b"<!DOCTYPE html><title>",
    "JSON": b'{"a": "',
    "NUL": b"Symbol,Quantity\n\x00",
    "an odd byte": b"Symbol,Type,Quantity,Cost\nQQZ,Equity,\xff\xfe,",
    "no header": b"a,b,c\n",
    "a transaction": b"Date,Type,Sub Type,Action,Symbol,Instrument Type,Description,Value,Quantity\n",
    "a header twice": b"Symbol,Type,Quantity,Cost,Cost\nQQZ,Equity,1,1,",
    "an open quote": b'Symbol,Type,Quantity,Cost\nQQZ,Equity,1,"',
    "columns of another": b"Symbol;Type;Quantity;Cost\nQQZ;Equity;1;",
    "UTF-16": "Symbol,Type,Quantity,Cost\nQQZ,Equity,1,".encode("utf-16"),
}


@pytest.mark.parametrize("fault", list(FAULTY))
def test_a_file_that_is_refused_is_not_repeated(nest, canaries, fault):
    mark = canaries.text(fault).encode("utf-16-le" if fault == "UTF-16" else "ascii")
    file = nest.input("export.csv", FAULTY[fault] + mark)

    nest.run_silently("sync", "--broker", "csv", "--input", file)
    nest.run_silently("show", file)
    nest.run_silently("validate", file)


@pytest.mark.parametrize(
    "name", ["{}.CSV", "tastytrade_positions_x{}_260302.csv", "My {} 2026.csv"]
)
def test_an_account_number_in_the_name_of_an_export_is_not_repeated(nest, canaries, name):
    name = name.format(canaries.text(name))
    commands = (
        ("sync", "--broker", "csv", "--input", name, "--output", "out.json"),
        ("show", name), ("triage", "--any-age", name),
        ("accounts", "--broker", "csv", "--input", name),
    )  # fmt: skip
    for command in commands:
        nest.run_silently(*command)
    file = nest.input(name, "\n".join(export("variance_plain")))
    for age in (0, 90_000, -90_000):
        os.utime(file, (time.time() - age,) * 2)
        for command in commands:
            nest.run_silently(*command)
    nest.input("variance/variance.toml", "")
    nest.environment(VARIANCE_OUTPUT_DIR=".")
    nest.run_silently("--csv")
    nest.input(name, "no positions")
    for command in commands:
        nest.run_silently(*command)


def test_a_nickname_in_the_name_of_an_export_is_not_repeated(nest, canaries):
    """It is one by the pattern of a broker's file names alone."""
    name = f"{canaries.word('nickname')} wheel-Positions-2026-03-02.csv"
    for text in (export("schwab_all_accounts"), export("variance_plain"), ["no positions"]):
        file = nest.input(name, "\n".join(text))
        for age in (0, 90_000):
            os.utime(file, (time.time() - age,) * 2)
            for command in (
                (
                    "sync",
                    "--broker",
                    "csv",
                    "--input",
                    name,
                    "--all-accounts",
                    "--output",
                    "o.json",
                ),
                ("show", name),
                ("show", "--any-age", name),
            ):
                nest.run_silently(*command)


def full_document() -> Any:
    """A valid document with every member."""
    return json.loads((CORPUS / "document" / "full").read_text(encoding="utf-8"))


@pytest.mark.parametrize("make", ["text", "word", "number", "list"])
def test_no_value_of_a_document_is_reported_by_validate(nest, canaries, plant, make):
    good = full_document()
    leaves = [at for at, value in plant.leaves(good) if make != "number" or isinstance(value, str)]
    new = {"list": lambda at: [canaries.text(at)]}.get(make) or getattr(canaries, make)
    files = []
    for start in range(12):
        planted = good
        for at in leaves[start::12]:
            planted = plant.at(planted, at, new(at))
        files.append(nest.input(f"d{start}.json", json.dumps(planted)))
    nest.run_silently("validate", *files)
    for form in FORMATS[1:]:
        nest.run_silently("validate", "--format", form, *files[::4])
    nest.run_silently("validate", "--output", "report.xml", "--format", "junit", files[0])


def test_no_name_of_a_member_is_reported_by_validate(nest, canaries):
    files = []
    good = full_document()
    for where in (
        good,
        good["meta"],
        good["balances"],
        good["positions"][0],
        good["positions"][0]["quote"],
    ):
        where[canaries.text("a name")] = 1
        where[f"{canaries.text('a path')}/~1 {canaries.text('in it')}"] = {
            canaries.text("inner"): 1
        }
        files.append(nest.input(f"d{len(files)}.json", json.dumps(good)))
    later = {**good, "meta": {**good["meta"], "schema_version": "1.9"}}
    files.append(nest.input("later.json", json.dumps(later)))
    for form in FORMATS:
        nest.run_silently("validate", "--format", form, *files)
    for command in ("show", "triage"):
        for file in files:
            nest.run_silently(command, "--any-age", file)


def test_a_document_that_is_refused_is_not_repeated(nest, canaries, plant):
    good = full_document()
    chosen = list(plant.each(good, canaries.text))[::8]
    for number, (_at, planted) in enumerate(chosen):
        file = nest.input(f"d{number}.json", json.dumps(planted))
        for command in ("show", "triage"):
            nest.run_silently(command, "--any-age", file)
    for number, broken in enumerate(
        (
            f'{{"{canaries.text("a name")}": 1, "{canaries.text("cut")}',
            f'{{"a": {canaries.number("digits")}{"1" * 120}}}',
            f'{{"meta": {{"{canaries.text("twice")}": 1, "a": 1, "a": 2}}}}',
            canaries.text("no JSON"),
            f'["{canaries.text("a list")}"]',
        )
    ):
        file = nest.input(f"positions/live_b{number}.json", broken)
        nest.run_silently("show", file)
        nest.run_silently("validate", file)
    for command in ((), ("show",), ("triage",), ("doctor",)):
        nest.run_silently(*command)
