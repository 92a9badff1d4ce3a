"""What a run reads: a manifest as TOML, as CSV, or a pattern of files. Nothing is started before all of it was read."""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from variance_bridge.files import read_file
from variance_bridge.formatting import plural, printable
from variance_bridge.masking import masked

_KEY_DIGITS = 16
_WILD = frozenset("*?[")
_COLUMNS = {"input", "profile", "broker"}
_TOP = {"inputs", "settings", "profile"}


class Input(Struct, frozen=True, kw_only=True):
    """One file or one profile: the smallest thing that is done, or done again, by itself.

    Attributes:
        key: of this input, the same in every run of it; its files in the output folder are named by it.
        shown: what tables and messages call it, without what may be an account number.
        file: absolute; None for a profile.
        profile: of the configuration; None for a file.
        broker: its name; None for that of the file's ending.
        settings: of the broker, as `--set` takes them.
    """

    key: str
    shown: str
    file: Path | None = None
    profile: str | None = None
    broker: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def read_by(self) -> str:
        """What the manifest says about how to read the input, as a digest; "" where it says nothing."""
        if self.broker is None and not self.settings:
            return ""
        return _key(self.broker or "", repr(sorted(self.settings.items())))


class Unreadable(Struct, frozen=True):
    """A line of a manifest that cannot be read."""

    line: int
    what: str


class Manifest(Struct, frozen=True, kw_only=True):
    """All inputs in their order, each once, and the lines that cannot be read."""

    inputs: tuple[Input, ...]
    unreadable: tuple[Unreadable, ...] = ()


def read_manifest(named: str) -> Manifest:
    """The manifest in a file (`.toml`, `.csv`), or all files that a pattern matches.

    Raises:
        DataRefused: the file cannot be read.
    """
    if _WILD & set(named):
        return _of_pattern(named)
    file = Path(named)
    data = read_file(file).data
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Manifest(inputs=(), unreadable=(Unreadable(line, "this is not UTF-8"),))
    read = _of_csv if file.suffix.lower() == ".csv" else _of_toml
    found, unreadable = read(text, file.absolute().parent)
    return Manifest(inputs=tuple(_once(found)), unreadable=tuple(unreadable))


def _of_pattern(pattern: str) -> Manifest:
    found = [_file(Path(name), Path.cwd(), {}) for name in _matches(pattern, Path.cwd())]
    return Manifest(inputs=tuple(_once(found)))


def _of_toml(text: str, folder: Path) -> tuple[list[Input], list[Unreadable]]:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return [], [Unreadable(_line_of_error(str(error)), "this is not TOML")]
    faults = list(_faults(table, text))
    if faults:
        return [], faults
    settings = {
        broker: {name: _as_typed(value) for name, value in of_broker.items()}
        for broker, of_broker in table.get("settings", {}).items()
    }
    found: list[Input] = []
    for pattern in table.get("inputs", []):
        files = _matches(pattern, folder)
        if not files:
            faults.append(Unreadable(_line_with(text, pattern), "no file is there"))
        found += [_file(file, folder, settings) for file in files]
    found += [_profile(each["name"]) for each in table.get("profile", [])]
    return found, faults


def _faults(table: Mapping[str, Any], text: str) -> Iterator[Unreadable]:
    for name in table.keys() - _TOP:
        yield Unreadable(
            _line_with(text, name), f"unknown; a manifest has {', '.join(sorted(_TOP))}"
        )
    inputs = table.get("inputs", [])
    if not isinstance(inputs, list) or not all(isinstance(each, str) for each in inputs):
        yield Unreadable(_line_with(text, "inputs"), "inputs must be a list of strings")
    settings = table.get("settings", {})
    if not isinstance(settings, dict) or not all(isinstance(v, dict) for v in settings.values()):
        yield Unreadable(_line_with(text, "settings"), "settings must be a table for each broker")
    profiles = table.get("profile", [])
    if not isinstance(profiles, list) or not all(
        isinstance(each, dict) and each.keys() == {"name"} and isinstance(each["name"], str)
        for each in profiles
    ):
        yield Unreadable(
            _line_with(text, "profile"), "each profile must be [[profile]] with a name"
        )


def _of_csv(text: str, folder: Path) -> tuple[list[Input], list[Unreadable]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    found: list[Input] = []
    unreadable: list[Unreadable] = []
    try:
        columns = set(reader.fieldnames or ())
        if not columns & {"input", "profile"} or columns - _COLUMNS:
            return [], [Unreadable(1, f"the columns must be among {', '.join(sorted(_COLUMNS))}")]
        for row in reader:
            entry = _of_row(row, folder)
            if isinstance(entry, Input):
                found.append(entry)
            else:
                unreadable.append(Unreadable(reader.line_num, entry))
    except csv.Error:
        unreadable.append(Unreadable(reader.reader.line_num, "this is not CSV"))
    return found, unreadable


def _of_row(row: Mapping[str | None, Any], folder: Path) -> Input | str:
    """The input of a line, or what is wrong with it."""
    if None in row or None in row.values():
        return "it does not have as many cells as the first line"
    named, profile = (row.get("input") or "").strip(), (row.get("profile") or "").strip()
    if bool(named) == bool(profile):
        return "it must have either an input or a profile"
    if profile:
        return _profile(profile)
    file = folder / named
    if not _is_file(file):
        return "the file is not there"
    return _file(file, folder, {}, broker=(row.get("broker") or "").strip() or None)


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a name that is too long, a folder that must not be looked into
        return False


def _matches(pattern: str, folder: Path) -> list[Path]:
    names = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207 - relative and absolute patterns
    return sorted(path for name in names if _is_file(path := folder / name))


def _file(
    file: Path,
    folder: Path,
    settings: Mapping[str, Mapping[str, str]],
    broker: str | None = None,
) -> Input:
    path = file.absolute()
    relative = path.relative_to(folder) if path.is_relative_to(folder) else path
    name = broker or path.suffix.lower().removeprefix(".")
    return Input(
        key=_key("file", relative.as_posix()),
        shown="/".join(masked(printable(_decoded(part))) for part in relative.parts),
        file=path,
        broker=broker,
        settings=settings.get(name, {}),
    )


def _profile(name: str) -> Input:
    return Input(key=_key("profile", name), shown=f"profile {masked(name)}", profile=name)


def _key(kind: str, name: str) -> str:
    data = f"{kind}\0{name}".encode("utf-8", errors="surrogateescape")
    return hashlib.sha256(data).hexdigest()[:_KEY_DIGITS]


def _decoded(name: str) -> str:
    """The name of a file whose bytes need not be UTF-8, as text that can be written."""
    return os.fsencode(name).decode("utf-8", errors="replace").replace("\n", "?")


def _once(inputs: Iterable[Input]) -> Iterator[Input]:
    """Each profile and each file once, under whatever names it is listed: the first one counts."""
    seen: set[object] = set()
    for each in inputs:
        thing = each.key if each.file is None else _identity(each)
        if thing not in seen:
            seen.add(thing)
            yield each


def _identity(each: Input) -> object:
    try:
        status = (each.file or Path()).stat()
    except (OSError, ValueError):  # gone meanwhile: its outcome will say so
        return each.key
    return status.st_dev, status.st_ino


def _as_typed(value: Any) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _line_of_error(message: str) -> int:
    """The line that tomllib names: "... (at line 3, column 5)"."""
    digits = message.rpartition("at line ")[2].partition(",")[0]
    return int(digits) if digits.isdigit() else 1


def _line_with(text: str, word: str) -> int:
    return next((n for n, line in enumerate(text.splitlines(), start=1) if word in line), 1)


def in_words(unreadable: Sequence[Unreadable]) -> str:
    """What is wrong, the first five lines by number."""
    shown = "; ".join(f"line {each.line}: {each.what}" for each in unreadable[:5])
    more = len(unreadable) - 5
    return f"{shown}; and {plural(more, 'more line')}" if more > 0 else shown
