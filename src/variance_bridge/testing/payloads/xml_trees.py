"""XML as mappings and lists, so that what can happen to a member of a JSON object can happen to an attribute too.

An element is a mapping: its attributes by `@name`, its text by `#text`, and the list of its elements by each tag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

ATTRIBUTE = "@"
TEXT = "#text"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Characters that no XML document can hold."""


def parse(text: str) -> dict[str, Any] | None:
    """The document of a text; None for a text that is not XML, or that declares entities."""
    if not text.lstrip().startswith("<") or "<!" in text:
        return None
    try:
        root = ET.fromstring(text)  # noqa: S314 - without a DOCTYPE there is nothing to expand
    except ET.ParseError:
        return None
    return {root.tag: _mapping(root)}


def _mapping(element: ET.Element) -> dict[str, Any]:
    members: dict[str, Any] = {ATTRIBUTE + name: value for name, value in element.attrib.items()}
    if element.text and element.text.strip():
        members[TEXT] = element.text.strip()
    for child in element:
        members.setdefault(child.tag, []).append(_mapping(child))
    return members


def render(tree: Any) -> str:
    """The text of a document that may be damaged; a value that is not an element becomes the text of one."""
    if not isinstance(tree, Mapping):
        return "" if tree is None else str(tree)
    # A document has one element at its root; what was planted beside it has no place.
    roots = {tag: one for tag, one in tree.items() if isinstance(one, Mapping)} or tree
    elements = [one for tag, value in roots.items() for one in _elements(str(tag), value)]
    return "".join(ET.tostring(one, encoding="unicode") for one in elements)


def _elements(tag: str, value: Any) -> list[ET.Element]:
    if value is None:
        return []
    return [_element(tag, one) for one in (value if isinstance(value, list) else [value])]


def _element(tag: str, value: Any) -> ET.Element:
    element = ET.Element(_name(tag))
    if not isinstance(value, Mapping):
        element.text = "" if value is None else _words(value)
        return element
    for name, member in value.items():
        if name.startswith(ATTRIBUTE):
            if member is not None:
                element.set(_name(name.removeprefix(ATTRIBUTE)), _words(member))
        elif name == TEXT:
            element.text = _words(member)
        else:
            element.extend(_elements(name, member))
    return element


def _words(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _UNWRITABLE.sub("", text)


def _name(text: str) -> str:
    """The text, or a name in its place where it is not the name of an element."""
    return text if _NAME.fullmatch(text) else "unnamed"
