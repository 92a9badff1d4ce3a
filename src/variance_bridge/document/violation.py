"""One broken rule of a document."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct


class Violation(Struct, frozen=True, order=True):
    """A place, a rule and a sentence. Made of the schema and the place alone: no value of the document is in it.

    Attributes:
        pointer: JSON pointer (RFC 6901) of the place; "" is the whole document.
        rule: the schema's keyword or the name of the arithmetic rule.
        message: one sentence.
    """

    pointer: str
    rule: str
    message: str

    def __str__(self) -> str:
        """`pointer: message`, as the command line prints it; the whole document needs no pointer."""
        return f"{self.pointer}: {self.message}" if self.pointer else self.message


def json_pointer(path: Iterable[str | int]) -> str:
    """The path as a JSON pointer (RFC 6901)."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)
