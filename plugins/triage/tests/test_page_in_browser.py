"""The page as a browser sees it. Needs Chromium, which CI installs."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from collections import Counter

import pytest

from variance_bridge_triage.render.page import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTH, HEIGHT = 900, 700
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    f"--window-size={WIDTH},{HEIGHT}",
)
LIGHT, DARK = (255, 255, 255), (0x15, 0x18, 0x1C)
GAIN, LOSS = (0x11, 0x63, 0x29), (0xA4, 0x0E, 0x26)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not on this machine (CI installs it)"),
]


def browse(tmp_path, html, *options):
    """What Chromium says of the page: standard output, and the messages of its console."""
    file = tmp_path / "page.html"
    file.write_bytes(html)
    run = subprocess.run(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={tmp_path / 'user'}", *options, file.as_uri()],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return run.stdout, re.findall(r"CONSOLE.*", run.stderr)


def picture(tmp_path, html, *options):
    """Colours of the screenshot and how often each is there."""
    file = tmp_path / "page.png"
    _dom, console = browse(tmp_path, html, f"--screenshot={file}", *options)
    assert console == []
    size, colours = read_png(file.read_bytes())
    assert size == (WIDTH, HEIGHT)
    return colours


def read_png(data):
    """Size and colours of an eight-bit RGB or RGBA picture without interlacing (PNG, W3C Recommendation)."""
    place, compressed, header = 8, b"", None
    while place < len(data):
        (length,), kind = struct.unpack(">I", data[place : place + 4]), data[place + 4 : place + 8]
        body = data[place + 8 : place + 8 + length]
        header = struct.unpack(">IIBBBBB", body) if kind == b"IHDR" else header
        compressed += body if kind == b"IDAT" else b""
        place += 12 + length
    width, height, depth, colour, *_rest, interlace = header
    assert (depth, interlace) == (8, 0)
    pixel = {2: 3, 6: 4}[colour]
    rows, raw, above = Counter(), zlib.decompress(compressed), bytearray(width * pixel)
    for start in range(0, len(raw), width * pixel + 1):
        above = unfiltered(raw[start], raw[start + 1 : start + 1 + width * pixel], above, pixel)
        rows.update(zip(*(above[band::pixel] for band in range(3)), strict=True))
    return (width, height), rows


def unfiltered(kind, row, above, pixel):
    out = bytearray(row)
    for i in range(len(out)):
        left = out[i - pixel] if i >= pixel else 0
        corner = above[i - pixel] if i >= pixel else 0
        add = (0, left, above[i], (left + above[i]) // 2, paeth(left, above[i], corner))[kind]
        out[i] = (out[i] + add) & 255
    return out


def paeth(left, above, corner):
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))


def test_the_page_is_drawn_in_the_colours_of_the_day(tmp_path, account_report):
    colours = picture(tmp_path, page(account_report))
    assert colours.most_common(1)[0][0] == LIGHT
    assert colours[GAIN] > 100
    assert colours[LOSS] > 100
    assert len(colours) > 100


def test_the_page_is_drawn_in_the_colours_of_the_night(tmp_path, account_report):
    dark = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0")
    colours = picture(tmp_path, page(account_report), *dark)
    assert colours.most_common(1)[0][0] == DARK


def test_the_charts_are_drawn(tmp_path, account_report):
    """The bars stand below the tables: the window is moved there by leaving the tables out."""
    html = re.sub(rb"<(h1|h2|p|dl|table)\b.*?</\1>", b"", page(account_report), flags=re.DOTALL)
    colours = picture(tmp_path, html)
    assert colours[GAIN] > 1000
    assert colours[LOSS] > 1000


def test_the_browser_reads_every_cluster(tmp_path, account_report):
    dom, console = browse(tmp_path, page(account_report), "--dump-dom")
    assert console == []
    for entry in account_report.entries:
        assert f'<th scope="row">{entry.facts.cluster.root}</th>' in dom
        assert entry.facts.cluster.strategy in dom


def test_the_policy_stops_what_the_page_does_not_hold(tmp_path, account_report):
    """Proves that the checks above would notice: Chromium reports what the policy forbids."""
    injected = b'<footer><script>document.title = "run"</script><p style="color: red">'
    html = page(account_report).replace(b"<footer>", injected)
    dom, console = browse(tmp_path, html, "--dump-dom")
    assert len([line for line in console if "Content Security Policy" in line]) == 2
    assert "<title>run</title>" not in dom


def test_what_a_file_says_stays_text_in_the_browser(tmp_path, hold, triaged):
    evil = "<script>document.title='run'</script>"
    report = triaged([hold("3 other", root=evil)], source=evil)
    dom, console = browse(tmp_path, page(report), "--dump-dom")
    assert console == []
    assert "&lt;script&gt;document.title='run'" in dom
    assert "<script>" not in dom
