"""The fast validator and the one that explains give the same verdict on every document."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from decimal import Decimal
from pathlib import Path

import pytest

from variance_bridge.document import exact_json
from variance_bridge.document.schema import _validator, check_schema, is_valid

EXAMPLES = [
    exact_json.loads(path.read_bytes())
    for path in sorted((Path(__file__).parents[2] / "schemas" / "examples").glob("*.json"))
]
VALUES = [
    None, True, False, 0, 1, -1, 5, 2**63, 10**40, Decimal("1.0"), Decimal("0.5"), Decimal("-0.5"), Decimal("1E+30"),
    Decimal("1E-190"), Decimal("-1E-190"), Decimal("0.99999999999999999999999"), Decimal("1.00000000000000000000001"),
    Decimal("NaN"), Decimal("Infinity"), "", "x", "SPY", "usd", "USD", "USD\n", "2026-02-31", "2026-01-01", "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00.123456789Z", "2026-01-01T00:00:00", "a1b2***", "A1B2***", "1.0", "1.7", "2.0",
    "option", "stock", "long", "short", "call", "complete", "partial", "SPY\u0000", "٣", "x" * 65, "é", [], {}, [1], [{}], {"a": 1},
]  # fmt: skip


def places(value, path=()):
    yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from places(member, (*path, name))
    if isinstance(value, list):
        for index, member in enumerate(value):
            yield from places(member, (*path, index))


def mutated(document, choose: random.Random):
    """The document after up to three changes: a value replaced, a member removed or renamed, an element repeated."""
    document = {"top": deepcopy(document)}
    for _ in range(choose.randrange(4)):
        path = choose.choice([path for path in places(document) if path])
        parent = document
        for step in path[:-1]:
            parent = parent[step]
        match choose.randrange(5):
            case 0 if len(path) > 1:
                del parent[path[-1]]
            case 1 if len(path) > 1 and isinstance(parent, dict):
                parent[choose.choice(["extra", "Root", "multiplier", "status"])] = parent.pop(
                    path[-1]
                )
            case 2 if isinstance(parent, list):
                parent.append(deepcopy(parent[path[-1]]))
            case _:
                parent[path[-1]] = deepcopy(choose.choice(VALUES))
    return document["top"]


def verdicts_agree(count: int) -> tuple[int, int]:
    choose = random.Random(20261126)
    valid = 0
    for _ in range(count):
        document = mutated(choose.choice(EXAMPLES), choose)
        expected = _validator().is_valid(document)
        assert is_valid(document) == expected, document
        assert (check_schema(document) == []) == expected
        valid += expected
    return valid, count - valid


def test_both_validators_agree_on_generated_documents():
    valid, invalid = verdicts_agree(400)

    assert min(valid, invalid) > 50


@pytest.mark.slow
def test_both_validators_agree_on_ten_thousand_generated_documents():
    valid, invalid = verdicts_agree(12_000)

    assert min(valid, invalid) > 1_000


@pytest.mark.parametrize("value", ["1.0", "1", "1e0", "100E-2"])
def test_an_integer_may_be_written_with_a_point(value):
    document = exact_json.loads(
        '{"meta": {"source": "acme", "fetched_at": "2026-01-02T15:04:05Z", "account_hash": "a1b2***",'
        f' "counts": {{"fetched": {value}, "normalized": 0, "closed": 0, "rejected": 1}},'
        f' "rejected": [{{"row": {value}, "reason": "unreadable_row"}}], "status": "partial"}}, "positions": []}}'
    )
    from variance_bridge.document.convert import structure

    assert check_schema(document) == []
    meta = structure(document).meta
    assert (meta.counts.fetched, meta.rejected[0].row) == (1, 1)


def test_what_json_cannot_hold_is_not_valid():
    assert not is_valid({1: 2})
    for document in [{"meta": object()}, {"meta": b"x"}]:
        assert not is_valid(document)
        assert check_schema(document)


def test_the_schema_itself_is_valid():
    import jsonschema

    from variance_bridge.document.schema import schema_text

    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))
