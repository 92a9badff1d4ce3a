"""Writes the screens that test_dashboard.py compares with: `python write_screens.py`, then look at the difference."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from variance_bridge_triage.render.terminal import render

_HERE = Path(__file__).parent
WIDTHS = (80, 140)


def main() -> None:
    place = _HERE / "conftest.py"
    specification = importlib.util.spec_from_file_location("invented_positions", place)
    invented = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(invented)
    for width in WIDTHS:
        screen = render(invented.invented_report(), width)
        (_HERE / "screens" / f"dashboard_{width}.txt").write_text(screen, encoding="utf-8")


if __name__ == "__main__":
    main()
