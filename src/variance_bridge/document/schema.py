"""The JSON Schema check: a fast verdict, and a slower one that finds the places and the words.

jsonschema-rs says whether a document is valid; only when it is not does jsonschema look for the places. Messages are made
from the schema, never from the validator's own, which quote the value. That the two agree is tested on generated documents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from variance_bridge.document.violation import Violation, json_pointer
from variance_bridge.formatting import nearest, plural
from variance_bridge.storage.read import shipped_text

if TYPE_CHECKING:
    import jsonschema_rs
    from jsonschema.exceptions import ValidationError
    from jsonschema.protocols import Validator

MAX_ERRORS = 10_000
_MAX_NEAREST = 100
"""Names for which a known one is looked for: each look costs as much as reading a page."""

SCHEMA_FILE = "schemas/positions-1.schema.json"


def schema_text() -> str:
    """The JSON Schema of the lingua franca, version 1, as shipped."""
    return shipped_text(SCHEMA_FILE)


@cache
def schema() -> Mapping[str, Any]:
    """The JSON Schema of the lingua franca as a mapping."""
    import msgspec

    parsed: Mapping[str, Any] = msgspec.json.decode(schema_text())
    return parsed


def _is_number(_checker: Any, value: Any) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _is_integer(checker: Any, value: Any) -> bool:
    return _is_number(checker, value) and value == int(value)


@cache
def _validator() -> Validator:
    import jsonschema
    from jsonschema import validators

    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"number": _is_number, "integer": _is_integer}
    )
    extend: Any = validators.extend
    exact = extend(jsonschema.Draft202012Validator, type_checker=types)
    validator: Validator = exact(schema())
    return validator


@cache
def _fast_validator() -> jsonschema_rs.Draft202012Validator:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(dict(schema()))


def prepare_schema() -> None:
    """Load what judges a document, before there is one."""
    _fast_validator()


def is_valid(document: Any) -> bool:
    """Whether a document breaks no rule of the schema."""
    try:
        return _fast_validator().is_valid(document)
    except (
        ValueError
    ):  # what JSON cannot hold: a key that is not a text, a number that is not finite
        return False


def check_schema(document: Any) -> list[Violation]:
    """What in `document` breaks the schema, in the order of the document's places. Empty when nothing does.

    Of a document that is wrong in very many places, the first that are found are reported, and that there are more.
    """
    if is_valid(document):
        return []
    errors = _validator().iter_errors(document)
    found = {violation for error in islice(errors, MAX_ERRORS) for violation in _render(error)}
    reported = sorted(found, key=_place)
    if next(errors, None) is not None:
        reported.append(
            Violation("", "errors", f"has more than {MAX_ERRORS} errors; the rest is not reported")
        )
    return reported


def _place(violation: Violation) -> tuple[Any, ...]:
    steps = [(0, int(s), "") if s.isdigit() else (1, 0, s) for s in violation.pointer.split("/")]
    return (steps, violation.rule, violation.message)


def _render(error: ValidationError) -> list[Violation]:
    rule = str(error.validator)
    pointer = json_pointer(error.absolute_path)
    if rule == "required":
        required: Any = error.validator_value
        present: Any = error.instance
        missing = [name for name in required if name not in present]
        return [Violation(pointer, rule, f"`{name}` is missing") for name in missing]
    if rule == "additionalProperties":
        return [Violation(pointer, rule, _unknown_members(error))]
    render = _MESSAGES.get(rule)
    message = render(error.validator_value) if render else f"breaks the rule `{rule}`"
    return [Violation(pointer, rule, message)]


def _unknown_members(error: ValidationError) -> str:
    """How many members are not allowed, and which known names they may be misspellings of.

    A foreign name may be personal data, so only names of the schema are shown.
    """
    allowed: Any = error.schema
    present: Any = error.instance
    known = list(allowed["properties"])
    unknown = [name for name in present if name not in known]
    near = sorted({n for name in unknown[:_MAX_NEAREST] if (n := nearest(name, known))})
    hint = f"; nearest known: {', '.join(near)}" if near else ""
    return f"has {plural(len(unknown), 'member')} that the schema does not allow{hint}"


_TYPE_WORDS = {
    "object": "an object",
    "array": "an array",
    "string": "a text",
    "number": "a finite number (not a text, not true or false)",
    "integer": "a whole number",
}

_MESSAGES: Mapping[str, Callable[[Any], str]] = {
    "type": lambda value: f"must be {_TYPE_WORDS.get(value, value)}",
    "enum": lambda value: f"must be one of {', '.join(value)}",
    "pattern": lambda value: f"must match {value}",
    "maxLength": lambda value: f"must not be longer than {value} characters",
    "minimum": lambda value: f"must be at least {value}",
    "exclusiveMinimum": lambda value: f"must be greater than {value}",
    "not": lambda _value: "must not hold control characters",
}
