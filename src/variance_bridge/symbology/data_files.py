"""The data files of this package, read."""

from __future__ import annotations

from importlib.resources import files
from typing import Any


def read_table(name: str) -> dict[str, Any]:
    """The content of a TOML file in `data/`. Every one of them states its source."""
    import tomllib

    text = (files("variance_bridge.symbology") / "data" / name).read_text(encoding="utf-8")
    return tomllib.loads(text)
