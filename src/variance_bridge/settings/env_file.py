"""A `.env` file: what it says, and one value of it replaced, with every other byte as it was."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from variance_bridge.errors import ConfigurationError
from variance_bridge.personal_values import Secret
from variance_bridge.storage.filesystem import reason
from variance_bridge.storage.private_files import inspect_private, make_private_folder, read_private
from variance_bridge.storage.replace import replace_file

_TITLE: Final = "the .env file"
_BOM: Final = "\ufeff"

_ASSIGNMENT: Final = re.compile(
    r"(?P<head>\s*(?:export[^\S\r\n]+)?(?:'[^']+'|[^=#\s]+)[^\S\r\n]*=[^\S\r\n]*)"
    r"(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^\r\n]*?)"
    r"(?P<tail>(?:[^\S\r\n]+#[^\r\n]*)?[^\S\r\n]*(?:\r\n|\n|\r|$))",
    re.DOTALL,
)
"""As dotenv reads a line: what stands before the value, the value, and the comment behind it."""

_NEEDS_NO_QUOTES: Final = re.compile(r"[A-Za-z0-9._~+/=@:%,-]+")


class EnvFile(Struct, frozen=True, kw_only=True):
    """A `.env` file.

    Attributes:
        path: where it is, or would be.
        values: what it says, taken literally.
        problem: why a credential in it must not be used: others can read or change the file. A file that holds none of
            ours (another program's, in the working folder) may be as open as it likes.
        unread: what it holds is unknown.
    """

    path: Path
    values: Mapping[str, Secret] = field(default_factory=dict)
    problem: ConfigurationError | None = None
    unread: bool = False


def read_env_file(path: Path) -> EnvFile:
    """A `.env` file; one without values when there is none.

    Nothing is put in for `${NAME}`, because a password may look like that, and the process's environment is left as it
    is.
    """
    try:
        data, problem = inspect_private(path, _TITLE)
    except FileNotFoundError:
        return EnvFile(path=path)
    return EnvFile(
        path=path,
        values=_values(data.decode("utf-8-sig", errors="replace")),
        problem=problem,
        unread=problem is not None and not data,
    )


def write_env_value(path: Path, name: str, secret: Secret) -> None:
    """Put a value into a `.env` file in one step: in place of the old one, or on a line of its own at the end.

    Other lines and all comments stay as they are, byte for byte. A file that is not there is made; only this user can
    read it afterwards as before. Where a symbolic link leads to the file, the file is replaced and the link stays.

    Raises:
        ConfigurationError: others can read the file, it cannot be written, or the value cannot stand in it.
    """
    path = path.resolve()
    try:
        data = read_private(path, _TITLE)
    except FileNotFoundError:
        data = b""
    # Bytes that are not UTF-8 come out as they went in.
    text = data.decode("utf-8", errors="surrogateescape")
    mark = _BOM if text.startswith(_BOM) else ""
    text = text.removeprefix(_BOM)
    changed = _with_value(text, name, secret.reveal())
    if _values(changed) != {**_values(text), name: secret}:
        raise ConfigurationError(
            f"{name} cannot be changed in {_TITLE}",
            where=str(path),
            hint="put it on a line of its own: NAME=value",
        )
    try:
        if not path.parent.exists():
            make_private_folder(path.parent)
        replace_file(path, (mark + changed).encode("utf-8", errors="surrogateescape"))
    except OSError as error:
        raise ConfigurationError(
            f"{_TITLE} cannot be written: {reason(error)}", where=str(path)
        ) from None


def _values(text: str) -> dict[str, Secret]:
    from dotenv import dotenv_values

    values = dotenv_values(stream=io.StringIO(text, newline=""), interpolate=False)
    return {name: Secret(value) for name, value in values.items() if value}


def _with_value(text: str, name: str, value: str) -> str:
    from dotenv.parser import parse_stream

    pieces = [(one.key, one.original.string) for one in parse_stream(io.StringIO(text, newline=""))]
    places = [place for place, (key, _line) in enumerate(pieces) if key == name]
    if not places:
        gap = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{gap}{name}={_quoted(value)}\n"
    # Of several lines with one name the last one counts.
    match = _ASSIGNMENT.fullmatch(pieces[places[-1]][1])
    if match is None:
        return text
    pieces[places[-1]] = (name, match["head"] + _quoted(value) + match["tail"])
    return "".join(line for _key, line in pieces)


def _quoted(value: str) -> str:
    if _NEEDS_NO_QUOTES.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
