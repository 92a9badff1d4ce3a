"""The page as a browser sees it. Needs Chromium, which CI installs."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from importlib import resources
from pathlib import Path

import attrs
import pytest
from devtools_browser import CHROMIUM, NO_CHROMIUM, Browser
from page_pictures import FONTS, SCHEMES, TOLERANCE, WIDTHS, difference, small_picture

from variance_bridge.model import Balances
from variance_bridge_triage.render.page import html_page as page_module
from variance_bridge_triage.render.page.html_page import page

SCREENS = Path(__file__).parent / "screens"
TAB, ENTER = ("Tab", 9), ("Enter", 13, "\r")
GREEN, RED = "rgb(17, 99, 41)", "rgb(164, 14, 38)"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_looks_as_it_did(browser, tmp_path, account_page, width, scheme):
    """After a wanted change: `python write_screens.py`, look at the pictures, and commit them."""
    browser.open(account_page, width)
    if browser.value(FONTS) != json.loads((SCREENS / "page_fonts.json").read_text()):
        pytest.skip("the pictures were drawn with other fonts than this machine's")
    drawn = small_picture(browser, account_page, width, dark=SCHEMES[scheme])
    (tmp_path / "drawn.png").write_bytes(drawn)  # to look at, where the test fails
    expected = (SCREENS / f"page_{width}_{scheme}.png").read_bytes()
    assert difference(browser, drawn, expected) <= TOLERANCE


@pytest.mark.parametrize(
    ("what", "instead"),
    [("svg .loss { fill", "svg .lost { fill"), ("svg polyline {", "svg polygon {"), ("h3 { font-size: 1.1rem", "h3 { font-size: 1.12rem")],
    ids=["bars without a colour", "a line that is an area", "a larger heading"],
)  # fmt: skip
def test_the_comparison_notices(browser, monkeypatch, draw_account_page, what, instead):
    shipped = page_module._shipped
    assert what in shipped("page.css")
    before = small_picture(browser, draw_account_page(), 1280, dark=False)
    monkeypatch.setattr(page_module, "_shipped", lambda name: shipped(name).replace(what, instead))
    after = small_picture(browser, draw_account_page(), 1280, dark=False)
    assert difference(browser, before, after) > TOLERANCE


@pytest.mark.parametrize(
    ("dark", "ground"), [(False, "rgb(255, 255, 255)"), (True, "rgb(21, 24, 28)")]
)
def test_the_page_has_the_colours_of_day_and_night(browser, account_page, dark, ground):
    browser.open(account_page, 900, dark=dark)
    assert browser.value("getComputedStyle(document.body).backgroundColor") == ground


def test_the_charts_are_drawn(browser, account_page):
    browser.open(account_page, 900)
    bars = browser.value(
        """[...document.querySelectorAll("rect.gain, rect.loss")].map((each) =>
            [getComputedStyle(each).fill, each.getBoundingClientRect().width > 0])"""
    )
    assert len(bars) > 20
    assert [GREEN, True] in bars
    assert [RED, True] in bars
    assert browser.value(
        'document.querySelector("polyline").getBoundingClientRect().toJSON()'
    )["width"] > 100  # fmt: skip


def test_the_browser_reads_every_cluster(browser, account_report):
    browser.open(page(account_report), 900)
    text = browser.value("document.body.textContent")
    assert browser.console == []
    for entry in account_report.entries:
        assert entry.facts.cluster.root in text
        assert entry.facts.cluster.strategy in text


def test_the_policy_stops_what_the_page_does_not_hold(browser, account_report):
    """Proves that the checks of the console would notice: Chromium reports what the policy forbids."""
    injected = b'<footer><script>document.title = "run"</script><p style="color: red">'
    browser.open(page(account_report).replace(b"<footer>", injected), 900)
    assert browser.value("document.title") == "Portfolio – acme, 22 Dec 25"
    assert browser.value("document.scripts.length") == 2
    stopped = [line for line in browser.console if "Content Security Policy" in line]
    assert len(stopped) == 2


def test_what_a_file_says_stays_text_in_the_browser(browser, hold, triaged):
    evil = "<script>document.title='run'</script>"
    browser.open(page(triaged([hold("3 other", root=evil)], source=evil)), 900)
    assert browser.console == []
    assert evil in browser.value("document.body.textContent")
    assert browser.value("document.scripts.length") == 1  # ours
    assert browser.value("document.title").startswith("Portfolio – ")


OVERFLOW = """(() => {
  for (const each of document.querySelectorAll("details")) each.open = true;
  const room = document.documentElement.clientWidth;
  const over = [...document.querySelectorAll("body *")].filter((each) =>
    !each.closest(".unseen") && !(room > 900 && each.closest(".scroll")) && each.getBoundingClientRect().right > room + 1).map((each) => each.outerHTML.slice(0, 90));
  const cut = [...document.querySelectorAll("td.number, dd")].filter((each) =>
    each.scrollWidth > each.clientWidth + 1 && !each.closest(".unseen")).map((each) => each.textContent.trim());
  return [document.documentElement.scrollWidth - room, over, cut];
})()"""


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_or_leaves_the_screen(browser, account_page, width):
    browser.open(account_page, width)
    assert browser.value(OVERFLOW) == [0, [], []]


@pytest.mark.parametrize("width", WIDTHS)
def test_large_amounts_are_whole_too(browser, hold, price, triaged, width):
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
    browser.open(page(report), width)
    assert browser.value(OVERFLOW) == [0, [], []]


AXE = """for (const each of document.querySelectorAll("details")) each.open = true;
axe.run(document, {resultTypes: ["violations"]}).then((found) => [
  found.violations.flatMap((each) => each.nodes.map((node) => `${each.id} (${each.impact}): ${node.html.slice(0, 90)}`)),
  found.passes.length])"""


def judged_by_axe(browser):
    """What axe-core, the rule set of browsers' own tools, finds in the page that is shown, and how many of its rules passed."""
    rules = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    browser.value(f"{rules}; 0")
    return browser.value(AXE)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_no_fault_of_accessibility(browser, account_page, width, scheme):
    browser.open(account_page, width, dark=SCHEMES[scheme])
    faults, passed = judged_by_axe(browser)
    assert faults == []
    assert passed > 30


def test_axe_finds_no_fault_in_the_page_of_several_accounts(browser, account_report, hold, triaged):
    """What is a landmark in each account has a name of its own."""
    other = triaged([hold("-1 95P", unrealized_pl=Decimal(5))], source="other", account_hash=None)
    browser.open(page(account_report, other), 1280)
    faults, _passed = judged_by_axe(browser)
    assert faults == []


def test_axe_notices_what_is_wrong(browser, account_page):
    broken = account_page.replace(b' lang="en"', b"").replace(b"<main>", b"<div>")
    browser.open(broken.replace(b"</main>", b"</div>"), 1280)
    faults, _passed = judged_by_axe(browser)
    assert {fault.partition(" ")[0] for fault in faults} >= {"html-has-lang", "region"}


CONTRAST = """(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (each) => {
    for (; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (colour !== "rgba(0, 0, 0, 0)") return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const contrasts = {};
  for (const each of document.querySelectorAll("body *")) {
    if (![...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    if (each.closest(".unseen, script, svg")) continue;
    const [one, other] = [light(getComputedStyle(each).color), light(ground(each))].sort((a, b) => b - a);
    contrasts[each.outerHTML.slice(0, 90)] = (one + 0.05) / (other + 0.05);
  }
  return contrasts;
})()"""


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_all_text_can_be_read(browser, account_page, scheme, media):
    """4.5 to 1 is what WCAG 2.2 asks for at level AA; axe does not look at paper, and forgives large letters."""
    browser.open(account_page, 1280, dark=SCHEMES[scheme], media=media)
    contrasts = browser.value(CONTRAST)
    assert len(contrasts) > 50
    assert {text: ratio for text, ratio in contrasts.items() if ratio < 4.5} == {}


ORDER = """(() => {
  const table = document.querySelector("table.sortable");
  const head = [...table.tHead.rows[0].cells].find((each) => each.textContent.trim() === "P/L");
  return [head.getAttribute("aria-sort"), [...table.tBodies[0].rows].map((row) => row.querySelector("th").textContent)];
})()"""


FOLDED = """(() => {
  const table = document.querySelector("details table.cards");
  return [table.closest("details").open, table.checkVisibility({contentVisibilityAuto: true})];
})()"""


def test_what_needs_no_action_is_folded_on_the_screen_and_not_on_paper(browser, account_page):
    browser.open(account_page, 390)
    assert browser.value(FOLDED) == [False, False]
    browser.press(*TAB)  # the keyboard reaches it; a press opens it
    browser.value('document.querySelector("details summary").focus()')
    browser.press(*ENTER)
    assert browser.value(FOLDED) == [True, True]
    browser.open(account_page, 718, media="print")
    assert browser.value(FOLDED) == [False, True]


def test_a_card_begins_with_action_root_and_profit_on_one_line(browser, account_page):
    browser.open(account_page, 390)
    found = browser.value(
        """[...document.querySelectorAll("table.cards tbody tr")].filter((row) => row.querySelector(".action")).map((row) =>
            [".action", "th", ".profit"].map((each) => row.querySelector(each).getBoundingClientRect().toJSON()))"""
    )
    assert len(found) == 5
    for action, root, profit in found:
        assert action["top"] == root["top"] == profit["top"]
        assert action["right"] <= root["left"] < root["right"] <= profit["left"]
        assert action["height"] < 30


@pytest.mark.parametrize("width", [390, 1280])
def test_the_keyboard_alone_sorts_by_a_column(browser, account_report, width):
    browser.open(page(account_report), width)
    for _ in range(20):
        browser.press(*TAB)
        if browser.value("document.activeElement.textContent.trim()") == "P/L":
            break
    assert browser.value("document.activeElement.matches(':focus-visible')")
    found = []
    for _ in range(3):
        browser.press(*ENTER)
        found.append(browser.value(ORDER))
    amounts = {e.facts.cluster.root: e.facts.net_pl.amount for e in account_report.actions}
    assert found == [
        ["descending", sorted(amounts, key=amounts.get, reverse=True)],
        ["ascending", sorted(amounts, key=amounts.get)],
        [None, [entry.facts.cluster.root for entry in account_report.actions]],
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_paper_is_white_and_nothing_on_it_is_cut(browser, account_page, scheme):
    """A4 less Chromium's margins is 718 pixels wide."""
    browser.open(account_page, 718, dark=SCHEMES[scheme], media="print")
    assert browser.value("getComputedStyle(document.body).backgroundColor") in (
        "rgb(255, 255, 255)",
        "rgba(0, 0, 0, 0)",
    )
    assert browser.value(OVERFLOW) == [0, [], []]
    pages = len(re.findall(rb"/Type\s*/Page\b", browser.paper()))
    assert 2 <= pages <= 6
