"""The page: self-contained, accessible, escaped, and written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from base64 import b64encode
from decimal import Decimal
from functools import partial
from html.parser import HTMLParser
from importlib import resources

import attrs
import pytest
from jinja2 import TemplateError
from msgspec import structs

from variance_bridge.errors import DataRefused
from variance_bridge.files import write_file
from variance_bridge.model import Counts, Environment, Quote, Status
from variance_bridge_triage.render.page.charts import MAX_ROWS, charts
from variance_bridge_triage.render.page.html_page import _environment, page
from variance_bridge_triage.rules.possible_losses import stress_loss

CSS, SCRIPT = (
    resources.files("variance_bridge_triage.render.page").joinpath(name).read_text(encoding="utf-8")
    for name in ("page.css", "page.js")
)
write_page = partial(write_file, title="the page", hint="name another place")
VOID = {"meta", "br", "hr", "col"}


class Elements(HTMLParser):
    """Start tags with their attributes, checked for balance, and the text."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.text = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.text.append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.found if tag == name]

    @property
    def words(self):
        return re.sub(r"\s+", " ", " ".join(self.text))


@pytest.fixture(scope="module")
def elements(account_report):
    return Elements(page(account_report).decode("utf-8"))


def test_every_cluster_and_reason_is_on_the_page(account_report, elements):
    for entry in account_report.entries:
        assert f"{entry.facts.cluster.root} {entry.facts.cluster.strategy}" in elements.words
        for finding in entry.findings:
            assert finding.reason in elements.words


def test_the_page_loads_and_runs_nothing(elements):
    loading = {"src", "href", "srcset", "action", "background", "data", "xlink:href", "style"}
    for _tag, attributes in elements.found:
        assert not loading & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert not {"link", "iframe", "object", "img"} & {tag for tag, _ in elements.found}
    assert elements.all("script") == [{}]
    assert not {"fetch", "XMLHttpRequest", "eval", "innerHTML", "import"} & set(
        re.findall(r"\w+", SCRIPT)
    )
    assert "url(" not in CSS
    assert "@import" not in CSS


def test_the_policy_allows_the_style_sheet_the_sorting_and_nothing_else(elements):
    policies = [a["content"] for a in elements.all("meta") if "http-equiv" in a]
    style, script = (
        f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in (CSS, SCRIPT)
    )
    assert policies == [
        f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
    ]


def test_readers_without_eyes_find_their_way(elements):
    assert elements.all("html") == [{"lang": "en"}]
    assert len(elements.all("h1")) == len(elements.all("main")) == 1
    assert len(elements.all("h2")) == len(elements.all("article")) == 1
    assert {attributes["scope"] for attributes in elements.all("th")} == {"col", "row"}
    named = {attributes["id"] for _tag, attributes in elements.found if "id" in attributes}
    ids = [attributes["id"] for _tag, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(named)
    for tag in ("table", "section", "figure", "article"):
        for attributes in elements.all(tag):
            assert attributes["aria-labelledby"].split()
            assert set(attributes["aria-labelledby"].split()) <= named
    # What a picture shows stands beside it in words.
    assert all(picture["aria-hidden"] == "true" for picture in elements.all("svg"))


def test_every_cell_of_a_card_has_a_name(elements):
    cells, in_cards = [], False
    for tag, attributes in elements.found:
        if tag == "table":
            in_cards = "cards" in attributes["class"].split()
        elif tag == "td" and in_cards:
            cells.append(attributes)
    assert len(cells) > 100
    assert all(cell["data-label"] for cell in cells)


def test_all_pictures_are_on_the_page(hold, price, triaged):
    leg = price(hold("-1 95P"), "100", beta_delta="5", theta="3")
    leg = attrs.evolve(leg, market_value=Decimal(-100), unrealized_pl=Decimal(20))
    words = Elements(page(triaged([leg])).decode()).words
    for title in (
        "Allocation", "Profit and loss by strategy", "Delta by root", "Theta by root", "Price against strikes",
        "Expiry calendar",
    ):  # fmt: skip
        assert title in words


@pytest.mark.parametrize("scheme", range(3), ids=["light", "dark", "print"])
def test_every_colour_of_text_is_readable_on_its_ground(scheme):
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", re.split(r":root \{", CSS)[1 + scheme]))
    for ground in ("ground", "raised"):
        for name in ("text", "quiet", "gain", "loss", "warn", "gamma", "hedge"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)


def contrast(one, other):
    """Ratio of luminances (WCAG 2.1, 1.4.3)."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


EVIL = "</style><script>alert(1)</script>\x1b\u202e\"'&<b>"


def test_what_a_file_says_is_text_on_the_page(hold, triaged):
    report = triaged(
        [hold("3 other", root=EVIL, symbol=EVIL, unrealized_pl=Decimal(1))],
        source=EVIL,
        account_hash=EVIL,
        currency=EVIL,
        warnings=[EVIL],
    )
    text = page(report).decode("utf-8")
    found = Elements(text)
    assert "b" not in {tag for tag, _attributes in found.found}
    assert found.all("script") == [{}]
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "<script>alert(1)</script>" in "".join(found.text)


def test_attributes_are_escaped_too():
    drawn = _environment().from_string('<p title="{{ text }}"></p>').render(text='"><x\x1b')
    assert drawn == '<p title="&#34;&gt;&lt;x?"></p>'


@pytest.mark.parametrize("template", ["{{ text | safe }}", "{{ report.no_such_member }}"])
def test_a_template_can_neither_skip_the_escaping_nor_print_what_is_not_there(template):
    with pytest.raises(TemplateError):
        _environment().from_string(template).render(text="<b>", report={})


def test_an_empty_account_says_so(triaged):
    assert "No positions: the account is empty." in Elements(page(triaged([])).decode()).words


def test_nothing_to_do_says_so(triaged, all_known):
    found = Elements(page(triaged(**all_known)).decode())
    assert "Nothing needs action." in found.words


def test_what_could_not_be_judged_is_never_nothing(hold, triaged):
    found = Elements(page(triaged([hold("1 stock")])).decode())
    assert "Nothing needs action" not in found.words
    assert "SIZE_THREAT could not be judged for any strategy." in found.words
    assert "SIZE_THREAT not judged for 1 of 1 strategy: it needs the beta-weighted" in found.words
    assert "Losses are measured against $50,000.00, assumed" in found.words


def test_rows_that_were_not_read_are_part_of_the_verdict(triaged, all_known):
    counts = Counts(fetched=5, normalized=1, closed=0, rejected=4)
    report = triaged(**{**all_known, "status": Status.PARTIAL, "counts": counts})
    words = Elements(page(report).decode()).words
    assert "Nothing in the 1 readable row needs action; 4 rows are unread." in words


def test_profits_in_two_currencies_have_a_chart_each(hold, triaged):
    found = Elements(
        page(
            triaged(
                [
                    hold("1 stock", root="AAA", unrealized_pl=Decimal(5000)),
                    hold("1 stock", root="BBB", unrealized_pl=Decimal(500000), currency="JPY"),
                ]
            )
        ).decode()
    )
    assert "Profit and loss by strategy, in USD" in found.words
    assert "Profit and loss by strategy, in JPY" in found.words
    bars = [bar["width"] for bar in found.all("rect")]
    assert bars == ["100.00%", "100.00%"]
    assert "Net P/L USD +$5,000.00" in found.words
    assert "Net P/L JPY +JPY 500,000.00" in found.words


def test_the_page_shows_warnings_and_a_simulation(hold, triaged):
    report = triaged(
        [hold("1 stock")], warnings=["[Stale Source File] x"], environment=Environment.SIMULATOR
    )
    words = Elements(page(report).decode()).words
    assert "[Stale Source File] x" in words
    assert "SIMULATOR" in words


def test_a_long_list_is_drawn_in_part_and_says_so(hold, triaged):
    positions = [
        hold(f"-1 105C {days}d", root=f"R{days}", unrealized_pl=Decimal(days))
        for days in range(30, 65)
    ]
    found = Elements(page(triaged(positions)).decode())
    assert "Not drawn: 5 smaller." in found.words
    assert "5 later expirations are not drawn" in found.words
    assert len(found.all("rect")) == MAX_ROWS


def test_what_is_unknown_is_not_drawn_and_named(hold, triaged):
    legs = [hold("1 stock", root="AAA", market_value=Decimal(5)), hold("1 stock", root="BBB")]
    assert "Not drawn: unknown: BBB." in Elements(page(triaged(legs)).decode()).words


def test_the_notional_of_futures_is_no_part_of_the_allocation(hold, triaged):
    legs = [
        hold("1 future", root="/ES", market_value=Decimal(300000)),
        hold("1 stock", root="AAA", market_value=Decimal(5)),
    ]
    found = [chart for chart in charts(triaged(legs)) if chart.title == "Allocation"]
    assert [[row.name for row in chart.rows] for chart in found] == [["AAA"]]
    assert "The notional of 1 future is left out" in found[0].caption


def test_all_but_the_largest_six_of_an_allocation_are_folded_on_the_same_scale(hold, triaged):
    def allocation(count):
        values = [Decimal(-1000), *(Decimal(10 * place) for place in range(1, count))]
        legs = [
            hold("1 stock", root=f"R{at}", market_value=value) for at, value in enumerate(values)
        ]
        report = triaged(legs)
        (chart,) = [each for each in charts(report) if each.title == "Allocation"]
        return chart, Elements(page(report).decode()).words

    chart, words = allocation(8)
    assert [row.name for row in chart.rows] == ["R7", "R6", "R5", "R4", "R3", "R0"]
    assert [row.name for row in chart.folded] == ["R2", "R1"]
    assert "2 others" in words
    assert chart.rows[0].bars[0].width == pytest.approx(
        7 * chart.folded[1].bars[0].width, rel=Decimal("0.01")
    )
    chart, words = allocation(7)
    assert len(chart.rows) == 7
    assert "others" not in words


def test_a_share_has_the_colour_of_its_profit(hold, triaged):
    legs = [
        hold("1 stock", root=root, cost_basis=Decimal(100), unrealized_pl=Decimal(amount))
        for root, amount in (("AAA", 5), ("BBB", -5), ("CCC", 0))
    ]
    found = Elements(page(triaged(legs)).decode())
    shares = [cell["class"] for cell in found.all("td") if cell.get("data-label") == "P/L %"]
    assert [set(classes.split()) & {"gain", "loss"} for classes in shares] == [
        {"gain"},
        {"loss"},
        set(),
    ]


def test_several_accounts_stand_below_each_other_with_their_totals(hold, triaged, tmp_path):
    one = triaged([hold("1 stock", unrealized_pl=Decimal(5))])
    found = Elements(page(one, one).decode())
    assert len(found.all("article")) == 2
    ids = [attributes["id"] for _tag, attributes in found.found if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_several_accounts_are_listed_and_what_could_not_be_judged_is_said_once(hold, triaged):
    one = triaged([hold("1 stock")])
    found = Elements(page(one, structs.replace(one, label="my Roth")).decode())
    links = [attributes["href"] for attributes in found.all("a")]
    ids = {attributes["id"] for _tag, attributes in found.found if "id" in attributes}

    assert [link.removeprefix("#") in ids for link in links] == [True, True]
    (verdict, *_) = one.verdict
    assert found.words.count(f"my Roth {verdict}") == 1
    assert found.words.count("What could not be judged") == 1
    assert "not judged for 2 of 2 strategies" in found.words
    assert not Elements(page(one).decode()).all("a")


STRESSED = [
    # legs; the price is 100; each option is worth 1.00 now; the loss by a move of 20 % either way
    (["-1 95P"], 1400),
    (["1 90P", "-1 95P"], 500),
    (["-1 95P", "-1 105C"], 1300),
    (["100 stock", "-1 105C"], 1900),
    (["1 90P"], 100),
    (["100 stock"], 2000),
]


@pytest.mark.parametrize(("legs", "loss"), STRESSED)
def test_the_risk_is_the_worst_between_two_prices(hold, price, triaged, legs, loss):
    held = []
    for text in legs:
        leg = price(hold(text), "100")
        value = 100 if leg.strike else 10000
        if not leg.strike:
            leg = attrs.evolve(leg, quote=Quote(mark=Decimal(100)))
        signed = value if leg.side.value == "long" else -value
        held.append(attrs.evolve(leg, market_value=Decimal(signed)))
    (entry,) = triaged(held).entries
    assert stress_loss(entry.facts, Decimal(80), Decimal(120)) == loss


@pytest.mark.parametrize("change", [{"market_value": None}, {"multiplier": None}])
def test_a_risk_of_which_a_part_is_unknown_is_unknown(hold, price, triaged, change):
    leg = attrs.evolve(price(hold("-1 95P"), "100"), market_value=Decimal(-100))
    (entry,) = triaged([attrs.evolve(leg, **change)]).entries
    assert stress_loss(entry.facts, Decimal(80), Decimal(120)) is None


def expiry_rows(report):
    chart = next(each for each in charts(report) if each.title == "Expiry calendar")
    return [(row.amount, row.note, len(row.bars)) for row in chart.rows]


def test_the_expiry_calendar_uses_known_volatilities_and_names_what_it_leaves_out(
    hold, price, triaged
):
    def leg(root, volatility=None):
        found = price(hold("-1 95P", root=root), "100", implied_volatility=volatility or "0.2")
        changes = {} if volatility else {"greeks": None}
        return attrs.evolve(found, market_value=Decimal(-100), **changes)

    def row(*legs):
        (found,) = expiry_rows(triaged(legs))
        return found

    amount, note, bars = row(leg("AAA", "0.2"), leg("BBB"))
    # Two deviations in 30 days at 20 % a year are 11.47: 88.53 is 6.47 below the strike, less what the put is worth.
    assert amount == "-$546.76"
    assert note == "2 short: AAA BBB; not counted: BBB (volatility unknown)"
    assert bars == 1
    doubled = row(leg("AAA", "0.4"))
    assert doubled[0] == "-$1,693.53"
    assert row(leg("BBB")) == ("1 short", "BBB", 0)


def strikes_of(report):
    (chart,) = [each for each in charts(report) if each.title == "Price against strikes"]
    return chart


def test_strikes_stand_on_one_scale_around_the_price(hold, price, triaged):
    covered = [
        price(hold("100 stock", root="AAA"), "100"),
        price(hold("-1 104C", root="AAA"), "100"),
    ]
    near = strikes_of(triaged(covered))
    assert near.scale == ("-5%", "price", "+5%")
    dot, short = near.rows[0].marks
    assert (dot.x, short.x) == (50, Decimal("88.40"))  # four fifths of the way to the end, at 98
    assert near.rows[0].note == "short 104C +4.0%"

    both = strikes_of(triaged([*covered, price(hold("-1 90P", root="BBB"), "100")]))
    assert both.scale == ("-10%", "price", "+10%")
    assert [row.marks[1].x for row in both.rows] == [Decimal("69.20"), Decimal(2)]
    assert "beyond" not in both.caption

    far = strikes_of(triaged([price(hold("-1 60P"), "100"), price(hold("-1 250C"), "100")]))
    assert [mark.x for row in far.rows for mark in row.marks[1:]] == [2, 98]
    assert "What is beyond the scale stands at its end." in far.caption
    assert far.scale[0] == "-30%"


def test_a_calendar_without_any_known_risk_says_why_once_and_what_expires(hold, triaged):
    legs = [hold("-1 95P 30d", root="AAA"), hold("1 95P 60d", root="BBB")]
    report = triaged(legs)
    (chart,) = [each for each in charts(report) if each.title == "Expiry calendar"]

    assert chart.caption == "What a large move would cost is not known (price unknown)."
    assert [(row.amount, row.note, row.bars) for row in chart.rows] == [
        ("1 short", "AAA", ()),
        ("1 long", "BBB", ()),
    ]
    assert "not counted" not in Elements(page(report).decode()).words


def test_a_part_that_comes_to_nothing_is_not_the_total(hold, triaged):
    words = Elements(page(triaged([hold("100 stock"), hold("-1 95P")])).decode()).words
    assert "Theta per day – 1 of 2 known" in words
    assert "Theta per day $0.00" in Elements(page(triaged([hold("100 stock")])).decode()).words


def test_a_table_of_one_row_has_nothing_to_sort(hold, triaged):
    assert b"cards sortable" not in page(triaged([hold("1 stock")]))
    two = [hold("1 stock"), hold("1 stock", root="ABC")]
    assert b"cards sortable" in page(triaged(two))


def test_the_same_positions_give_the_same_page(account_report):
    assert page(account_report) == page(account_report)


def test_the_page_is_its_owners_only(tmp_path):
    old = os.umask(0)
    try:
        write_page(tmp_path / "out.html", b"page")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "out.html").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["out.html"]


def test_a_page_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "out.html"
    write_page(file, b"first")

    def full_disk(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(DataRefused, match="the disk is full"):
        write_page(file, b"second")
    assert file.read_bytes() == b"first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.html"]


@pytest.mark.parametrize("name", ["missing/out.html", "folder", "a\0b", "/"])
def test_a_place_that_cannot_be_written_is_refused_with_the_reason(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataRefused, match="the page cannot be written"):
        write_page(tmp_path / name, b"page")


def test_a_link_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "other").write_text("mine")
    (tmp_path / "out.html").symlink_to(tmp_path / "other")
    write_page(tmp_path / "out.html", b"page")
    assert (tmp_path / "other").read_text() == "mine"
    assert (tmp_path / "out.html").read_bytes() == b"page"


def test_the_page_shows_how_old_positions_may_be(triaged):
    assert "Positions: fresh up to 1 h, readable up to 24 h." in page(triaged([])).decode()


def test_the_source_stands_in_the_title_and_in_one_heading(account_report, elements):
    assert elements.words.count("acme") == 2


def test_what_a_user_would_type_is_marked_as_code(triaged, all_known):
    note = "an `export` of <b>`a"
    html = page(triaged(**{**all_known, "balances": None}, warnings=["try `variance sync`", note]))
    assert b"set <code>net_liquidity</code> under" in html
    assert b"try <code>variance sync</code>" in html
    assert b"an `export` of &lt;b&gt;`a" in html
