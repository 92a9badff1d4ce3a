"""The schema is usable by any 2020-12 validator: two that are not the one that we ship agree with it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jschon
import jsonschema_rs
import pytest
from hypothesis import given

from variance_bridge.document import exact_json
from variance_bridge.document.convert import to_bytes
from variance_bridge.document.schema import check_schema
from variance_bridge.testing.hypothesis_portfolios import portfolios

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "positions-1.schema.json").read_text())
EXAMPLES = sorted((ROOT / "schemas" / "examples").glob("*.json"))

pytestmark = pytest.mark.filterwarnings("ignore:Please use rfc3986:DeprecationWarning")

_rust = jsonschema_rs.Draft202012Validator(SCHEMA)


@pytest.fixture(scope="module")
def python_validator() -> jschon.JSONSchema:
    jschon.create_catalog("2020-12")
    return jschon.JSONSchema(copy.deepcopy(SCHEMA))


def mutations() -> list[Any]:
    """Documents that are wrong in one place each, of every kind of rule."""
    full = json.loads((ROOT / "schemas" / "examples" / "full.json").read_text())
    changes: list[tuple[list[Any], Any]] = [
        (["positions", 0, "quantity"], 0),
        (["positions", 0, "quantity"], "2"),
        (["positions", 0, "quantity"], True),
        (["positions", 0, "quantity"], None),
        (["positions", 0, "symbol"], "/ESM6\n"),
        (["positions", 0, "symbol"], "/ESM６"),
        (["positions", 0, "symbol"], "A" * 65),
        (["positions", 0, "expiration"], "2026-13-01"),
        (["positions", 0, "expiration"], "２０２６-06-18"),
        (["positions", 0, "side"], "LONG"),
        (["positions", 5, "symbol"], "SPXW  260318P0575000"),
        (["positions", 2, "multiplier"], 0),
        (["meta", "fetched_at"], "2026-03-02T15:04:05"),
        (["meta", "fetched_at"], "2026-03-02T24:00:00Z"),
        (["meta", "fetched_at"], "2026-03-02T15:04:05Z\n"),
        (["meta", "account_hash"], "0F1E***"),
        (["meta", "account_number"], "5WX00001"),
        (["meta", "counts", "closed"], 1.5),
        (["meta", "counts", "closed"], -1),
        (["meta", "schema_version"], "2.0"),
        (["meta", "rejected", 0, "reason"], "because"),
        (["balances", "cash"], "1"),
        (["positions"], {}),
        (["positions", 3, "greeks", "speed"], 1),
    ]
    made = []
    for path, value in changes:
        document = copy.deepcopy(full)
        place = document
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        made.append(pytest.param(document, id="/".join(map(str, path)) + f"={value!r:.20}"))
    return made


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_all_validators_accept_a_published_example(path, python_validator):
    document = json.loads(path.read_text())

    assert _rust.is_valid(document)
    assert python_validator.evaluate(jschon.JSON(document)).valid
    assert check_schema(document) == []


@pytest.mark.parametrize("document", mutations())
def test_all_validators_refuse_a_document_that_is_wrong_in_one_place(document, python_validator):
    assert not _rust.is_valid(document)
    assert not python_validator.evaluate(jschon.JSON(document)).valid
    assert check_schema(document) != []


def test_a_whole_number_with_a_fraction_of_zero_is_whole_to_all_of_them(python_validator):
    document = json.loads(
        (ROOT / "schemas" / "examples" / "full.json")
        .read_text()
        .replace('"closed": 1', '"closed": 1.0')
    )

    assert _rust.is_valid(document)
    assert python_validator.evaluate(jschon.JSON(document)).valid
    assert check_schema(exact_json.loads(json.dumps(document))) == []


@given(portfolios(max_size=3))
def test_what_we_write_is_valid_to_a_validator_in_another_language(portfolio):
    assert _rust.is_valid(json.loads(to_bytes(portfolio)))
