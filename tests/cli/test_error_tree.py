"""The tree of errors and their exit codes, as the head of `variance_bridge.errors` draws it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from variance_bridge import errors
from variance_bridge.errors import BridgeError

LINE = re.compile(r" {4}(?P<branches>[ │├└─]*)(?P<name>[A-Z]\w+) +(?P<code>[0-9])(?: {3}.+)?")


def drawn() -> Iterator[tuple[int, str, int]]:
    for line in (errors.__doc__ or "").splitlines():
        if found := LINE.fullmatch(line):
            yield len(found["branches"]) // 4, found["name"], int(found["code"])


def classes(root: type[BridgeError] = BridgeError, depth: int = 0) -> set[tuple[int, str, int]]:
    below = [one for one in root.__subclasses__() if one.__module__ == errors.__name__]
    return {(depth, root.__name__, root.exit_code)}.union(
        *(classes(one, depth + 1) for one in below)
    )


def test_the_picture_of_the_errors_is_the_tree_of_the_classes():
    assert sorted(drawn()) == sorted(classes())


def test_each_error_stands_below_its_parent():
    path: list[str] = []
    for depth, name, _code in drawn():
        path = [*path[:depth], name]
        assert [one.__name__ for one in getattr(errors, name).__mro__][: depth + 1] == path[::-1]
