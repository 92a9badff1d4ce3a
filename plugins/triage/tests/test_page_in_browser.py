"""The page as a browser sees it. Needs Chromium, which CI installs."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import zlib
from collections import Counter
from decimal import Decimal
from html import unescape

import attrs
import pytest

from variance_bridge.model import Balances
from variance_bridge_triage.render.page import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTH, HEIGHT = 900, 1600
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
    """The charts stand below the tables: the window is moved there by leaving the tables out."""
    left_out = rb"<(h1|h2|p|dl)\b.*?</\1>|<table class=.cards.*?</table>"
    html = re.sub(left_out, b"", page(account_report), flags=re.DOTALL)
    colours = picture(tmp_path, html)
    assert colours[GAIN] > 1000
    assert colours[LOSS] > 500


def test_the_browser_reads_every_cluster(tmp_path, account_report):
    dom, console = browse(tmp_path, page(account_report), "--dump-dom")
    assert console == []
    for entry in account_report.entries:
        assert f'data-label="Root">{entry.facts.cluster.root}</th>' in dom
        assert entry.facts.cluster.strategy in dom


def test_the_policy_stops_what_the_page_does_not_hold(tmp_path, account_report):
    """Proves that the checks above would notice: Chromium reports what the policy forbids."""
    injected = b'<footer><script>document.title = "run"</script><p style="color: red">'
    html = page(account_report).replace(b"<footer>", injected)
    dom, console = browse(tmp_path, html, "--dump-dom")
    assert len([line for line in console if "Content Security Policy" in line]) == 2
    assert dom.count("<script>") == 2
    assert "<title>run</title>" not in dom


def test_what_a_file_says_stays_text_in_the_browser(tmp_path, hold, triaged):
    evil = "<script>document.title='run'</script>"
    report = triaged([hold("3 other", root=evil)], source=evil)
    dom, console = browse(tmp_path, page(report), "--dump-dom")
    assert console == []
    assert "&lt;script&gt;document.title='run'" in dom
    assert dom.count("<script>") == 1  # ours
    assert "<title>run</title>" not in dom


EXAMINED = """<!doctype html><iframe src="page.html" width="{width}" height="900" style="border: 0"></iframe>
<pre></pre><script>
onload = () => {{
  const page = document.querySelector("iframe").contentDocument, view = page.defaultView;
  const examine = () => {{ {code} }};
  document.querySelector("pre").textContent = JSON.stringify(examine());
}};
</script>"""

OVERFLOW = """
const room = page.documentElement.clientWidth;
const over = [...page.querySelectorAll("body *")].filter((each) =>
  !each.closest(".unseen") && !(room > 900 && each.closest(".scroll")) && each.getBoundingClientRect().right > room + 1).map((each) => each.outerHTML.slice(0, 90));
const cut = [...page.querySelectorAll("td.number, dd")].filter((each) =>
  each.scrollWidth > each.clientWidth + 1 && !each.closest(".unseen")).map((each) => each.textContent.trim());
return [page.documentElement.scrollWidth - room, over, cut];
"""

# Rules of axe-core that matter here, which the page passed in whole (version 4.10: no violation, 43 passes).
ACCESSIBILITY = """
const faults = [];
const say = (rule, each) => faults.push(rule + ": " + each.outerHTML.slice(0, 90));
if (!page.documentElement.lang || !page.title) say("language and title", page.documentElement);
for (const tag of ["header", "main", "footer"])
  if (page.querySelectorAll("body > " + tag).length !== 1) say("landmark", page.body);
let level = 0;
for (const each of page.querySelectorAll("h1, h2, h3, h4")) {
  if (Number(each.tagName[1]) > level + 1) say("order of headings", each);
  level = Number(each.tagName[1]);
}
for (const each of page.querySelectorAll("button")) if (!each.textContent.trim()) say("name", each);
for (const each of page.querySelectorAll("table")) {
  if (!page.getElementById(each.getAttribute("aria-labelledby"))?.textContent.trim()) say("name", each);
  for (const row of each.tBodies[0].rows) if (!row.querySelector("th[scope=row]")) say("header of a row", row);
}
for (const each of page.querySelectorAll("svg")) if (each.getAttribute("aria-hidden") !== "true") say("name", each);
const light = (colour) => {
  const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (each) => {
  for (; each; each = each.parentElement) {
    const colour = view.getComputedStyle(each).backgroundColor;
    if (colour !== "rgba(0, 0, 0, 0)") return colour;
  }
  return "rgb(255, 255, 255)";
};
for (const each of page.querySelectorAll("body *")) {
  if (![...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
  if (each.closest(".unseen, script, svg")) continue;
  const [one, other] = [light(view.getComputedStyle(each).color), light(ground(each))].sort((a, b) => b - a);
  if ((one + 0.05) / (other + 0.05) < 4.5) say("contrast", each);
}
return faults;
"""

SORTING = """
const table = page.querySelector("table.sortable");
const column = [...table.tHead.rows[0].cells].findIndex((each) => each.textContent.trim() === "P/L");
const press = () => {
  table.tHead.rows[0].cells[column].querySelector("button").click();
  const head = table.tHead.rows[0].cells[column].getAttribute("aria-sort");
  return [head, [...table.tBodies[0].rows].map((row) => row.querySelector("th").textContent)];
};
return [press(), press(), press()];
"""


def examined(tmp_path, html, code, width, *options):
    """What the code finds in the page, as wide as a phone or a desk."""
    (tmp_path / "page.html").write_bytes(html)
    frame = tmp_path / "frame.html"
    frame.write_text(EXAMINED.format(width=width, code=code))
    run = subprocess.run(
        [
            CHROMIUM, *OPTIONS, f"--user-data-dir={tmp_path / 'user'}", "--allow-file-access-from-files",
            "--virtual-time-budget=5000", *options, "--dump-dom", frame.as_uri(),
        ],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    found = re.search(r"<pre>(.*?)</pre>", run.stdout, re.DOTALL)
    return json.loads(unescape(found[1]))


DARK_MODE = ("--blink-settings=preferredColorScheme=0",)


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_is_cut_or_leaves_the_screen(tmp_path, account_report, width):
    assert examined(tmp_path, page(account_report), OVERFLOW, width) == [0, [], []]


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_large_amounts_are_whole_too(tmp_path, hold, price, triaged, width):
    leg = price(
        hold("-1 95P"), "123456.789", theta="-1234567.89", delta="-98765432.1", beta_delta="1234567"
    )
    large = {
        "market_value": Decimal("-1234567890.12"),
        "unrealized_pl": Decimal("987654321.98"),
        "cost_basis": Decimal(1),
    }
    balances = Balances(
        currency="CHF",
        net_liquidating_value=Decimal("123456789012.34"),
        cash=Decimal(0),
        buying_power=Decimal(1),
    )
    report = triaged([attrs.evolve(leg, **large)], currency="CHF", balances=balances)
    assert examined(tmp_path, page(report), OVERFLOW, width) == [0, [], []]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("options", [(), DARK_MODE], ids=["light", "dark"])
def test_there_is_no_serious_fault_of_accessibility(tmp_path, account_report, width, options):
    assert examined(tmp_path, page(account_report), ACCESSIBILITY, width, *options) == []


def test_the_rules_of_accessibility_find_faults(tmp_path, account_report):
    """Proves that the test above would notice."""
    broken = (
        page(account_report)
        .replace(b' lang="en"', b"")
        .replace(b"<h3", b"<h4")
        .replace(b"</h3>", b"</h4>")
    )
    faults = examined(tmp_path, broken, ACCESSIBILITY, 1280)
    assert {fault.partition(":")[0] for fault in faults} == {
        "language and title",
        "order of headings",
    }


def test_clicking_a_column_name_sorts_by_it(tmp_path, account_report):
    down, up, before = examined(tmp_path, page(account_report), SORTING, 1280)
    amounts = {e.facts.cluster.root: e.facts.net_pl.amount for e in account_report.actions}
    assert down == ["descending", sorted(amounts, key=amounts.get, reverse=True)]
    assert up == ["ascending", sorted(amounts, key=amounts.get)]
    assert before == [None, [entry.facts.cluster.root for entry in account_report.actions]]
