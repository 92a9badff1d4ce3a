"""Writes what test_dashboard.py and test_page_in_browser.py compare with: `python write_screens.py`, then look at the difference.

The pictures of the page need Chromium; they are of this machine's fonts.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from devtools_browser import CHROMIUM, NO_CHROMIUM, Browser
from page_pictures import FONTS, SCHEMES, WIDTHS, small_picture

from variance_bridge_triage.render.terminal.dashboard import render

_HERE = Path(__file__).parent
COLUMNS = (80, 140)


def write_dashboards(invented) -> None:
    for width in COLUMNS:
        screen = render(invented.invented_report(), width)
        (_HERE / "screens" / f"dashboard_{width}.txt").write_text(screen, encoding="utf-8")


def write_pages(invented, folder: Path) -> None:
    html = invented.invented_page()
    browser = Browser(folder)
    try:
        for width in WIDTHS:
            for scheme, dark in SCHEMES.items():
                file = _HERE / "screens" / f"page_{width}_{scheme}.png"
                file.write_bytes(small_picture(browser, html, width, dark=dark))
                if (smaller := shutil.which("pngquant")) is not None:  # a fifth of the size
                    subprocess.run([smaller, "--force", "--output", file, "64", file], check=True)
        browser.open(html, WIDTHS[0])
        fonts = json.dumps(browser.value(FONTS))
        (_HERE / "screens" / "page_fonts.json").write_text(fonts + "\n", encoding="utf-8")
    finally:
        browser.close()


def main() -> None:
    place = _HERE / "conftest.py"
    specification = importlib.util.spec_from_file_location("invented_positions", place)
    invented = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(invented)
    write_dashboards(invented)
    if CHROMIUM is None:
        sys.exit(NO_CHROMIUM)
    with tempfile.TemporaryDirectory() as folder:
        write_pages(invented, Path(folder))


if __name__ == "__main__":
    main()
