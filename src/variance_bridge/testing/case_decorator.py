"""A conformance case: a test method that yields one sentence for each thing that is wrong, and has a stable ID."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

MAX_SHOWN = 8

RUN = "RUN-01"
"""The case that says that the broker runs on its recordings."""

_IDENTIFIER = re.compile(r"[A-Z]{3,6}-[0-9]{2}")

Complaints = Iterator[str]


DOES_NOT_APPLY = "does not apply: "
"""With this begins the reason of a case that was left out because it asks nothing of this broker."""


class NotReadyError(Exception):
    """What a case looks at cannot be had.

    Args:
        message: why.
        case: the ID of the case that reports it; all others are not run, so that one cause is one failure.
    """

    def __init__(self, message: str, case: str = RUN) -> None:
        super().__init__(message)
        self.case = case


class NotApplicableError(Exception):
    """The case asks nothing of this broker; the message says why."""


def case(identifier: str) -> Callable[[Callable[..., Complaints]], Callable[..., None]]:
    """Make a test of a method that yields complaints.

    The first line of its docstring is what it proves; what follows is advice, shown when it fails.

    Args:
        identifier: stable; documented in docs/conformance.md; never used again for something else.
    """
    if not _IDENTIFIER.fullmatch(identifier):
        raise ValueError(f"{identifier} is not a case ID")

    def wrap(method: Callable[..., Complaints]) -> Callable[..., None]:
        @functools.wraps(method)
        def test(*arguments: Any, **named: Any) -> None:
            import pytest

            try:
                complaints = list(dict.fromkeys(method(*arguments, **named)))
            except NotApplicableError as error:
                pytest.skip(f"{DOES_NOT_APPLY}{error}")
            except NotReadyError as error:
                if error.case != identifier:
                    pytest.skip(f"not run: {error.case} says why")
                complaints = [str(error)]
            if complaints:
                pytest.fail(report(identifier, method, complaints), pytrace=False)

        test.case_id = identifier  # type: ignore[attr-defined]
        return test

    return wrap


def report(identifier: str, method: Callable[..., Any], complaints: Sequence[str]) -> str:
    """What a failure says: what should be, what is, and what to do."""
    sentence, _, advice = (inspect.getdoc(method) or "").partition("\n")
    lines = [f"{identifier}: {sentence}"]
    lines += [f"  - {complaint}" for complaint in complaints[:MAX_SHOWN]]
    if len(complaints) > MAX_SHOWN:
        lines.append(f"  - and {len(complaints) - MAX_SHOWN} more of the kind")
    if advice.strip():
        lines.append(f"  What to do: {' '.join(advice.split())}")
    return "\n".join(lines)


def case_id(function: object) -> str | None:
    """The ID of a test function; None for one that is not a conformance case."""
    found = getattr(function, "case_id", None)
    return found if isinstance(found, str) else None


def sentence(function: object) -> str:
    """What a case proves: the first line of its docstring."""
    return (inspect.getdoc(function) or "").partition("\n")[0]
