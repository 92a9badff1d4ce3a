"""For every constraint of the schema, a document that breaks only it is refused.

The cases are generated from the schema itself: a constraint for which no breaking value can be made fails the suite.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from variance_bridge.document import exact_json
from variance_bridge.document.check import check
from variance_bridge.document.schema import check_schema, schema

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"
ANNOTATIONS = {"$schema", "$id", "$comment", "title", "description", "$defs"}
ABSENT = object()


def example(name: str) -> Any:
    return exact_json.loads((EXAMPLES / name).read_bytes())


def resolved(rule: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in rule:
        return rule
    target = schema()["$defs"][rule["$ref"].removeprefix("#/$defs/")]
    return {**resolved(target), **{key: value for key, value in rule.items() if key != "$ref"}}


def breaking_value(keyword: str, value: Any, good: Any) -> Any:
    """A value that breaks this keyword and, as far as can be, nothing else."""
    match keyword:
        case "type":
            return {
                "object": [],
                "array": {},
                "string": 7,
                "number": "7",
                "integer": Decimal("7.5"),
            }[value]
        case "enum":
            return "no such word"
        case "pattern":
            return "\N{SNOWMAN}"
        case "maxLength":
            return too_long(good, value)
        case "minimum":
            return value - 1
        case "exclusiveMinimum":
            return value
        case "not":
            return f"{good}\n"
        case "additionalProperties":
            return {**good, "surprise": 1}
    pytest.fail(f"the schema uses `{keyword}`, for which this test knows no breaking value")


def too_long(good: str, limit: int) -> str:
    """A text over the limit: the good one with its last piece repeated, so that open patterns still match."""
    return good[:-1] + good[-2:-1] * (limit + 1 - len(good)) + good[-1:]


def places(rule: dict[str, Any], value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """(path, keyword, breaking value) for each constraint that applies to `value`."""
    rule = resolved(rule)
    for keyword, constraint in rule.items():
        if keyword in ANNOTATIONS or keyword in {"properties", "items", "required", "allOf"}:
            continue
        yield path, keyword, breaking_value(keyword, constraint, value)
    for name in rule.get("required", ()):
        yield (*path, name), "required", ABSENT
    for name, inner in rule.get("properties", {}).items():
        if isinstance(value, dict) and name in value:
            yield from places(inner, value[name], (*path, name))
    if "items" in rule and value:
        yield from places(rule["items"], value[0], (*path, 0))


def broken(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(document)
    place = changed
    for step in path[:-1]:
        place = place[step]
    if value is ABSENT:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


def covering_documents() -> list[Any]:
    """The examples with each of their positions in turn in first place, so that each member is visited."""
    return [
        {**whole, "positions": whole["positions"][n:] + whole["positions"][:n]}
        for whole in map(
            example, ("full.json", "benchmark.json", "position_file.json", "exchange_rates.json")
        )
        for n in range(len(whole["positions"]))
    ]


def cases() -> list[Any]:
    found: dict[str, Any] = {}
    for document in covering_documents():
        for path, keyword, value in places(dict(schema()), document, ()):
            pointer = "/" + "/".join(map(str, path))
            found.setdefault(f"{pointer} {keyword}", (document, path, keyword, value))
    return [pytest.param(*case, id=name) for name, case in found.items()]


@pytest.mark.parametrize(("document", "path", "keyword", "value"), cases())
def test_a_document_that_breaks_one_constraint_is_refused_for_it(document, path, keyword, value):
    violations = check_schema(broken(document, path, value))

    assert keyword in {violation.rule for violation in violations}


def test_every_member_of_the_schema_occurs_in_an_example():
    visited = {case.id.split(" ")[0] for case in cases()}
    known = set(members(dict(schema()), ""))

    assert known - visited == set()


def members(rule: dict[str, Any], pointer: str) -> Iterator[str]:
    rule = resolved(rule)
    for name, inner in rule.get("properties", {}).items():
        yield f"{pointer}/{name}"
        yield from members(inner, f"{pointer}/{name}")
    if "items" in rule:
        yield from members(rule["items"], f"{pointer}/0")


@pytest.mark.parametrize("missing", ["strike", "expiration"])
@pytest.mark.parametrize("kind", ["option", "future_option"])
def test_an_option_without_strike_or_expiration_is_refused(kind, missing):
    document = example("full.json")
    position = next(p for p in document["positions"] if p["type"] == kind)
    del position[missing]

    assert [v.rule for v in check_schema(document)] == ["required"]


@pytest.mark.parametrize(
    ("kind", "strike", "valid"),
    [
        ("option", 0, False),
        ("option", -5, False),
        ("future_option", -5, True),
        ("future_option", 0, True),
    ],
)
def test_only_options_on_futures_can_have_strikes_of_zero_and_below(kind, strike, valid):
    document = example("full.json")
    next(p for p in document["positions"] if p["type"] == kind)["strike"] = strike

    assert (check_schema(document) == []) is valid


@pytest.mark.parametrize("symbol", ["SPY 231215P00450000", "SPY   231215P00450000X", "SPY"])
def test_an_option_symbol_that_is_not_of_21_osi_characters_is_refused(symbol):
    document = example("rfc.json")
    document["positions"][0]["symbol"] = symbol

    assert {v.pointer for v in check_schema(document)} == {"/positions/0/symbol"}


@pytest.mark.parametrize("name", ["rfc.json", "full.json", "empty.json"])
def test_the_published_examples_are_valid(name):
    assert check(example(name)) == []


def test_a_schema_message_holds_no_value_of_the_document():
    document = example("full.json")
    secret = "5WX00001 Jane Doe"
    for path in [("meta", "source"), ("meta", "account_hash"), ("positions", 0, "symbol")]:
        document = broken(document, path, secret)
    document["positions"][0][secret] = secret
    document[secret] = {secret: secret}

    text = " ".join(f"{v.pointer} {v.rule} {v.message}" for v in check_schema(document))

    assert "5WX" not in text
    assert "Jane" not in text
    assert "Doe" not in text


def test_the_schema_uses_nothing_on_which_validators_disagree():
    text = exact_json.dumps(schema_as_json()).decode()

    assert not re.search(r"\\\\[dwsb]", text)
    for keyword in ('"format"', '"multipleOf"', '"null"', "(?"):
        assert keyword not in text


def schema_as_json() -> Any:
    return dict(schema())


def rules(rule: Any) -> Iterator[dict[str, Any]]:
    if isinstance(rule, dict):
        yield rule
        for inner in rule.values():
            yield from rules(inner)
    elif isinstance(rule, list):
        for inner in rule:
            yield from rules(inner)


def test_a_length_limit_stands_beside_every_pattern_and_every_object_is_closed():
    for rule in rules(dict(schema())):
        if "pattern" in rule and isinstance(rule["pattern"], str) and rule.keys() != {"pattern"}:
            assert "maxLength" in rule
        if rule.get("type") == "object":
            assert rule["additionalProperties"] is False


@pytest.mark.parametrize("value", ["450", True, None, float("nan"), float("inf"), [450]])
def test_only_a_finite_number_is_a_number(value):
    document = example("rfc.json")
    document["positions"][0]["strike"] = value

    assert ("/positions/0/strike", "type") in {(v.pointer, v.rule) for v in check_schema(document)}
