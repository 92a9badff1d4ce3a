"""Draws the pictures of README.md and of the pages, from the demo: `python scripts/draw_pictures.py` (needs Chromium).

Run it after a change of the dashboard or of the page, look at the pictures, and commit them.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from variance_bridge import load
from variance_bridge.commands import simulated_sync
from variance_bridge_tastytrade.demo_server import DemoPortfolio, DemoServer
from variance_bridge_triage.render.page.html_page import page
from variance_bridge_triage.render.page.worth_line import PastWorth
from variance_bridge_triage.render.terminal.dashboard import dashboard
from variance_bridge_triage.rules.report import Report, triage
from variance_bridge_triage.rules.thresholds import shipped_thresholds

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
WIDTH = 128
MOMENT = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)
"""Of the demo's market, so that a picture changes only with what it shows."""
HASH = "a1b2c3d4e5f6***"
"""In place of the demo's, which is another each time."""
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Rich's own style loads fonts from the network; the reader's monospace font will do."""

_TABLES = re.compile(
    r"<dl class=.totals.*?</dl>|<section aria-labelledby=.[avru].*?</section>", re.DOTALL
)
"""What stands above the charts."""


def demo_document(folder: Path) -> Path:
    """The positions file of the demo, at the moment of the pictures."""
    with DemoServer(DemoPortfolio.demo(MOMENT), lambda: MOMENT) as server:
        return simulated_sync(
            "tastytrade",
            folder,
            settings={"base_url": server.url},
            credentials={
                "TT_CLIENT_SECRET": server.client_secret,
                "TT_REFRESH_TOKEN": server.refresh_token,
            },
            warn=print,
        )


def draw(folder: Path, chromium: str) -> None:
    """The dashboard as SVG, the page as PNG."""
    file = demo_document(folder)
    text = re.sub(r'"account_hash": "[0-9a-f*]+"', f'"account_hash": "{HASH}"', file.read_text())
    stamp = f"{MOMENT:%Y-%m-%dT%H:%M:%SZ}"
    file.write_text(re.sub(r'"fetched_at": "[^"]+"', f'"fetched_at": "{stamp}"', text))
    report = triage(load(file, MOMENT), shipped_thresholds(), MOMENT)
    console = Console(record=True, width=WIDTH, file=(folder / "unused").open("w"))
    console.print(dashboard(report, WIDTH))
    drawn = _FONTS.sub("", console.export_svg(title="variance", unique_id="dashboard"))
    (PICTURES / "dashboard.svg").write_text(drawn, encoding="utf-8")
    text = page(report, past={HASH: invented_past(report)}).decode()
    shoot(folder, chromium, "page", text, height=815)
    shoot(folder, chromium, "charts", _TABLES.sub("", text), height=2180)


def invented_past(report: Report) -> list[PastWorth]:
    """A year of trading days; the demo itself has no history."""
    chance, worth = random.Random(11), report.net_liquidity  # noqa: S311 - the same at each run
    past = []
    for days in range(1, 366):
        moment = MOMENT - timedelta(days=days)
        if moment.weekday() < 5:
            worth -= Decimal(chance.randint(-1500, 1850))
            past.append(PastWorth(moment=moment, amount=worth, currency=report.currency))
    return past


def shoot(folder: Path, chromium: str, name: str, text: str, height: int) -> None:
    """What a window of that height shows of the page, as PNG."""
    html, picture = folder / f"{name}.html", PICTURES / f"{name}.png"
    html.write_text(text, encoding="utf-8")
    subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
            f"--user-data-dir={folder / 'user'}", f"--window-size=1180,{height}", f"--screenshot={picture}", html.as_uri(),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    if (
        smaller := shutil.which("pngquant")
    ) is not None:  # a quarter of the size, and the same to the eye
        subprocess.run([smaller, "--force", "--output", picture, "32", picture], check=True)


def main() -> None:
    """Draw all pictures."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("Chromium is needed, which draws the page.")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        draw(Path(name), chromium)


if __name__ == "__main__":
    main()
