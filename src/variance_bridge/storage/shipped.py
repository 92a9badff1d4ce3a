"""Data files that stand beside the code in a checkout and inside the package in a wheel."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def shipped_text(name: str) -> str:
    """The text of `schemas/...` or another file that the wheel carries along (see pyproject.toml, force-include)."""
    packaged = resources.files("variance_bridge").joinpath(*name.split("/"))
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    return (Path(__file__).resolve().parents[3] / name).read_text(encoding="utf-8")
