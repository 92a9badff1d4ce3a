"""The data files of this package, read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_DATA = Path(__file__).parent / "data"


def read_table(name: str) -> dict[str, Any]:
    """The content of a TOML file in `data/`. Every one of them states its source."""
    import tomllib

    return tomllib.loads((_DATA / name).read_text(encoding="utf-8"))
