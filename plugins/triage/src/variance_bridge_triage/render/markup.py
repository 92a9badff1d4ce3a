"""HTML and SVG from Python, in which no text can become a tag."""

from __future__ import annotations

import html

from variance_bridge.formatting import printable

_VOID = frozenset({"meta", "br", "hr"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """Text as HTML that shows it; control and bidirectional characters are shown as `?`."""
    return text if isinstance(text, Markup) else Markup(html.escape(printable(text)))


def tag(name: str, /, *children: str | Markup, **attributes: str | None) -> Markup:
    """An element. Children and values that are not `Markup` are escaped.

    Names of attributes: a trailing underscore is dropped (`class_`), others become hyphens; None leaves one out.
    """
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Markup(f"<{name}{pairs}>")
    inner = "".join(escaped(child) for child in children)
    return Markup(f"<{name}{pairs}>{inner}</{name}>")


def joined(*parts: str | Markup) -> Markup:
    """One after the other."""
    return Markup("".join(escaped(part) for part in parts))
