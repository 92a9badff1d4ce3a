"""Which broker the last sync used and which folder it wrote to: used where nothing is configured."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from variance_bridge.errors import ConfigurationError
from variance_bridge.settings.toml import read_toml

FILE_NAME: Final = "last_sync.toml"
_HEAD: Final = "# What `variance` uses where variance.toml does not say. Rewritten by each sync; safe to delete.\n"


class LastSync(Struct, frozen=True):
    """What the last sync used; None where that is not known.

    Attributes:
        exports: the folder of the last export that was read.
    """

    broker: str | None = None
    positions: Path | None = None
    exports: Path | None = None


def last_sync(folder: Path) -> LastSync:
    """What the last sync used. A convenience: a file that cannot be read counts as none.

    Args:
        folder: the configuration folder.
    """
    file = folder / FILE_NAME
    try:
        stated = read_toml(file) if file.is_file() else {}
    except (ConfigurationError, OSError):
        return LastSync()
    texts = {key: value for key, value in stated.items() if isinstance(value, str)}
    folders = (Path(texts[key]) if key in texts else None for key in ("positions", "exports"))
    return LastSync(texts.get("broker"), *folders)


def remember(folder: Path, used: LastSync) -> None:
    """Keep it for the next run, 0600. What cannot be written is not kept, and no error: the sync itself is done."""
    from variance_bridge.storage.private_files import write_private

    if used == last_sync(folder):
        return
    stated = {"broker": used.broker, "positions": used.positions, "exports": used.exports}
    lines = (f"{key} = {toml_text(str(value))}\n" for key, value in stated.items() if value)
    with suppress(ConfigurationError, OSError, UnicodeError):
        text = _HEAD + "".join(lines)
        write_private(folder / FILE_NAME, text.encode(), "the last sync", replace=True)


def toml_text(value: str) -> str:
    """A basic string of TOML 1.0: JSON's escapes are among its own, all but the one of DEL."""
    import msgspec

    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
