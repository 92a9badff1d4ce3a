"""The document that a sync is going to replace: read once, and only when somebody asks what it holds."""

from __future__ import annotations

import os
import re
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from variance_bridge.document import exact_json
from variance_bridge.errors import BridgeError, DataRefused
from variance_bridge.storage.lock import previous_path
from variance_bridge.storage.read import FileContent, read_published

if TYPE_CHECKING:
    from variance_bridge.document.outline import Outline
    from variance_bridge.model import Portfolio

STANDARD_STREAM = Path("-")
"""As `--output` it stands for standard output: there is no previous document, and nothing is replaced."""

_OURS = re.compile(rb'\s*\{\s*"meta"\s*:\s*\{')
"""How each document begins that this program wrote: a damaged one is recognized by it."""

_BEGINNING = 4096

_MOVE = "choose another `--output`, or move that file away"


class PreviousDocument:
    """What stands in the output file before the sync; stays as it was when it was first read.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def outline(self) -> Outline | Portfolio | None:
        """What the document holds, as far as that matters here; None when there is none, or none that can be read."""
        return self._read[1]

    @property
    def content(self) -> FileContent | None:
        """The bytes of the file, whether or not they are a document; None when there are none to be read."""
        return self._bytes[0]

    @property
    def unreadable(self) -> bool:
        """Whether there is a file that cannot be read."""
        return self._read[2] is not None

    @property
    def is_worth_keeping(self) -> bool:
        """Whether it belongs into `.prev`: always, unless it is damaged and `.prev` is a good document."""
        return not self.unreadable or PreviousDocument(previous_path(self.path)).outline is None

    def check_replaceable(self) -> None:
        """Refuse to replace a file that is not ours, in its place or in that of `.prev`.

        Raises:
            DataRefused: it is not a positions document, is of another major version, or cannot be read at all.
        """
        if self.error is not None:
            _check_ours(self.path, self.error, self.content)
        before = PreviousDocument(previous_path(self.path))
        # `.prev` is read as a whole only where its beginning leaves a doubt: it may be large.
        if not _begins_like_ours(before.path) and before.error is not None:
            _check_ours(before.path, before.error, before.content)

    @property
    def error(self) -> BridgeError | None:
        """Why it cannot be read as a document; None when it can, or there is none."""
        return self._read[2]

    @cached_property
    def _read(self) -> tuple[FileContent | None, Outline | Portfolio | None, BridgeError | None]:
        content, error = self._bytes
        if content is None:
            return None, None, error
        # Imported here: of a first sync there is nothing to read.
        from variance_bridge.document.outline import outline

        try:
            found = outline(content.data)
        except BridgeError as error:
            return content, None, error
        return content, found, None

    @cached_property
    def _bytes(self) -> tuple[FileContent | None, BridgeError | None]:
        if self.path == STANDARD_STREAM:
            return None, None
        try:
            return read_published(self.path), None
        except FileNotFoundError:
            return None, None
        except BridgeError as error:
            return None, error


def _begins_like_ours(path: Path) -> bool:
    if path == previous_path(STANDARD_STREAM):
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return False
    try:
        return _OURS.match(os.read(descriptor, _BEGINNING)) is not None
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _check_ours(path: Path, error: BridgeError, content: FileContent | None) -> None:
    """Refuse a file that cannot be read as a document, unless it is empty or a damaged document of ours."""
    if content is None:
        raise _refused(path, error.what, _MOVE)
    try:
        document = exact_json.loads(content.data)
    except DataRefused:
        ours = not content.data.strip() or _OURS.match(content.data) is not None
    else:
        from variance_bridge.document.versions import is_of_another_major

        if is_of_another_major(document):
            raise _refused(path, error.what, f"{error.hint}, or {_MOVE}")
        ours = isinstance(document, dict) and {"meta", "positions"} <= document.keys()
    if not ours:
        raise _refused(path, "the file there is not a positions file", _MOVE)


def _refused(path: Path, what: str, hint: str) -> DataRefused:
    return DataRefused(f"{what}; it was not replaced", where=str(path), hint=hint)
