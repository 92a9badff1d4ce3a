"""A listener written into variance.toml, which keeps its comments and all else that it holds."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from variance_bridge.errors import ConfigurationError
from variance_bridge.settings.toml import read_toml
from variance_bridge.storage.private_files import write_private

_LIST = re.compile(r"^listeners[ \t]*=[ \t]*\[", re.MULTILINE)
_HEAD = re.compile(r"\A(?:[ \t]*#.*\r?\n)*")
"""The comments with which a file begins."""


def enable_listener(file: Path, name: str) -> None:
    """Name the listener in the file, which is made where there is none. Nothing happens where it is named already.

    Args:
        file: the configuration file; a link is followed.
        name: of its entry point.

    Raises:
        ConfigurationError: the file is not TOML, cannot be written, or is written in a way that is not understood; it is
            as it was.
    """
    target = file.resolve()
    before = read_toml(file) if target.exists() else {}
    if name in before.get("listeners", ()):
        return
    text = target.read_text(encoding="utf-8-sig") if target.exists() else ""
    changed = with_listener(text, name)
    if changed is None:
        raise ConfigurationError(
            f"the listener `{name}` could not be added without changing something else",
            where=str(file),
            hint=f'add "{name}" to `listeners` there yourself, or a table [listeners.{name}]',
        )
    write_private(target, changed.encode(), "the configuration", replace=True)


def disable_listener(file: Path, name: str) -> None:
    """Name the listener in the file no longer, with its table if it has one. Nothing happens where it is not named.

    Args:
        file: the configuration file; a link is followed.
        name: of its entry point.

    Raises:
        ConfigurationError: as for `enable_listener`.
    """
    target = file.resolve()
    if not target.exists() or name not in read_toml(file).get("listeners", ()):
        return
    changed = without_listener(target.read_text(encoding="utf-8-sig"), name)
    if changed is None:
        raise ConfigurationError(
            f"the listener `{name}` could not be removed without changing something else",
            where=str(file),
            hint=f"remove it from `listeners` there yourself, or its table [listeners.{name}]",
        )
    write_private(target, changed.encode(), "the configuration", replace=True)


def without_listener(text: str, name: str) -> str | None:
    """The text of a configuration without a listener that it names; None where that cannot be done by removing it alone."""
    wanted = _without(tomllib.loads(text), name)
    quoted = rf"""["']{re.escape(name)}["']"""
    table = rf"(?m)^[ \t]*\[listeners\.{re.escape(name)}\].*\n?(?:(?![ \t]*\[).*\n?)*"
    patterns = (rf"{quoted}[ \t]*,[ \t]*", rf"(?:,[ \t]*)?{quoted}", table)
    return _saying(wanted, (re.sub(pattern, "", text, count=1) for pattern in patterns))


def _without(stated: Mapping[str, Any], name: str) -> dict[str, Any]:
    listeners = stated["listeners"]
    if not isinstance(listeners, Mapping):
        return {**stated, "listeners": [each for each in listeners if each != name]}
    others = {key: value for key, value in listeners.items() if key != name}
    rest = {key: value for key, value in stated.items() if key != "listeners"}
    return {**rest, "listeners": others} if others else rest


def with_listener(text: str, name: str) -> str | None:
    """The text of a configuration with one more listener; None where that cannot be done by adding to it alone.

    Args:
        text: TOML.
        name: of a listener that it does not name yet; letters, digits, `-` and `_`.
    """
    return _saying(_with(tomllib.loads(text), name), _candidates(text, name))


def _saying(wanted: Mapping[str, Any], texts: Iterable[str]) -> str | None:
    """The first of the texts that is TOML and says what is wanted, nothing else."""
    for text in texts:
        with suppress(tomllib.TOMLDecodeError):
            if tomllib.loads(text) == wanted:
                return text
    return None


def _with(stated: Mapping[str, Any], name: str) -> dict[str, Any]:
    listeners = stated.get("listeners", [])
    more = {**listeners, name: {}} if isinstance(listeners, Mapping) else [name, *listeners]
    return {**stated, "listeners": more}


def _candidates(text: str, name: str) -> list[str]:
    """A key of its own above all tables, a member of the list, a table at the end: at most one of them is right."""
    key = f'listeners = ["{name}"]\n'
    head = _HEAD.match(text)
    place = head.end() if head else 0
    end = "" if not text or text.endswith("\n") else "\n"
    return [
        text[:place] + key + text[place:],
        _LIST.sub(lambda found: f'{found[0]}"{name}", ', text, count=1),
        f"{text}{end}\n[listeners.{name}]\n",
    ]
