"""Data files that stand beside the code in a checkout and inside the package in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parents[1]


def shipped_text(name: str) -> str:
    """The text of `schemas/...` or another file that the wheel carries along (see pyproject.toml, force-include)."""
    packaged = _PACKAGE / name
    return (packaged if packaged.is_file() else _CHECKOUT / name).read_text(encoding="utf-8")
