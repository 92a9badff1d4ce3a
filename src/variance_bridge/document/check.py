"""Whether a document may be published and trusted: its form, and whether its numbers agree with each other.

Loading, checking and reporting are apart: a check returns `Violation` records and prints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from variance_bridge.document.rules.consistency import check_consistency
from variance_bridge.document.schema import check_schema
from variance_bridge.document.violation import Violation
from variance_bridge.errors import DataRefused

_SHOWN = 3


def check(document: Mapping[str, Any]) -> list[Violation]:
    """All violations of the schema; of the arithmetic too where the form is right."""
    return check_schema(document) or check_consistency(document)


def refuse(violations: Sequence[Violation]) -> None:
    """Nothing, for no violations.

    Raises:
        DataRefused: there are some; the message names the first three.
    """
    if not violations:
        return
    shown = "; ".join(str(violation) for violation in violations[:_SHOWN])
    more = f" (and {len(violations) - _SHOWN} more)" if len(violations) > _SHOWN else ""
    raise DataRefused(f"the document is not valid: {shown}{more}")
