"""A complete plugin project, made from the files in `template/`: what `variance plugin new` writes.

The template is a working broker of the invented name `acme` for an invented API; a project is the template with the
name replaced. So every line of it has been run by our own tests.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from variance_bridge.errors import UsageError

SUFFIX: Final = ".template"
"""Of every file, so that no tool takes the template for code of ours."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_PLACEHOLDER = re.compile("acme", re.IGNORECASE)
_RESERVED = frozenset({"none", "all", "acme"})


def check_name(name: str) -> None:
    """Nothing, for a name that a broker can have.

    Raises:
        UsageError: it has characters that the registry does not allow, or is reserved.
    """
    if not _NAME.fullmatch(name) or name.endswith("_") or "__" in name:
        raise UsageError(
            "that is not a valid name for a broker",
            hint="lower-case letters, digits and single underscores, a letter first, at most 32: `acme_direct`",
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or name in _RESERVED:
        raise UsageError(f"`{name}` is reserved", hint="use your broker's name")


def write_project(name: str, folder: Path) -> tuple[Path, ...]:
    """Write the project of a broker into a new folder.

    Args:
        name: of the broker.
        folder: is made; must not exist, or be empty.

    Returns:
        The files, relative to the folder.

    Raises:
        UsageError: the name is not valid, or the folder is not empty. Nothing has been written then.
    """
    check_name(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            "there is something already; nothing was written",
            where=str(folder),
            hint="choose an empty folder: --folder DIR",
        )
    written = []
    for template in _files(resources.files(__name__) / "template"):
        relative = Path(*(replaced(part, name) for part in template[0].parts))
        file = folder / relative.with_name(relative.name.removesuffix(SUFFIX))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(replaced(template[1].read_text(encoding="utf-8"), name), encoding="utf-8")
        written.append(file.relative_to(folder))
    return tuple(sorted(written))


def _files(folder: Traversable, inside: Path = Path()) -> Iterator[tuple[Path, Traversable]]:
    for entry in folder.iterdir():
        path = inside / entry.name
        if entry.is_dir():
            yield from _files(entry, path)
        elif entry.name.endswith(SUFFIX):
            yield path, entry


def replaced(text: str, name: str) -> str:
    """The text with the placeholder replaced, in the spelling that the place asks for.

    `acme` becomes the name, `Acme` the name in capitals at the beginning of its words, `ACME` the name in capitals.
    The distribution's name is written with hyphens, as packaging wants it.
    """
    words = name.split("_")
    spellings = {
        "acme": name,
        "Acme": "".join(word.capitalize() for word in words),
        "ACME": name.upper(),
    }
    text = text.replace("variance-bridge-acme", f"variance-bridge-{'-'.join(words)}")
    text = text.replace("api.acme.example", f"api.{'-'.join(words)}.example")
    return _PLACEHOLDER.sub(lambda match: spellings.get(match.group(), match.group()), text)
