"""The triage as one self-contained page: no script, no network, nothing that it would have to load."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from importlib import resources

from variance_bridge.document.convert import instant_text
from variance_bridge.model import Environment
from variance_bridge.reading.freshness import Freshness
from variance_bridge_triage import wording
from variance_bridge_triage.render.charts import ladder_chart, profit_chart
from variance_bridge_triage.render.legs import day, describe, ladder, safe, title
from variance_bridge_triage.render.markup import Markup, joined, tag
from variance_bridge_triage.rules.metrics import EXCHANGE_TIME, Sum, market_day
from variance_bridge_triage.rules.report import BALANCES, Entry, Report

_COLUMNS = ("Root", "Strategy", "DTE", "P/L", "Legs")


def page(report: Report) -> bytes:
    """The page, UTF-8."""
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="robots", content="noindex"),
        tag("title", f"Triage: {safe(report.meta.source)}"),
        tag("style", Markup(style)),
    )
    body = tag("body", _header(report), _main(report), _footer(report))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n".encode()


def _policy(style: str) -> str:
    """Nothing may be loaded or run; the one style sheet is known by its hash (CSP level 3)."""
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _header(report: Report) -> Markup:
    meta = report.meta
    words: list[str | Markup] = [safe(meta.source)]
    if meta.account_hash:
        words += [" ", safe(meta.account_hash)]
    if meta.environment not in (None, Environment.PRODUCTION):
        name = meta.environment.value.upper() if meta.environment else ""
        words += [" ", tag("span", name, class_="badge HEDGE_CHECK")]
    known = report.meta.fetched_at.astimezone(EXCHANGE_TIME)
    facts = [
        f"Positions of {day(known.date()).strip()}, {known:%H:%M} New York: ",
        tag("span", report.age_words, class_=_age_class(report)),
        " when this page was made. ",
        _status(report),
    ]
    warnings = [tag("li", warning) for warning in report.warnings]
    shown = tag("ul", *warnings, class_="warnings") if warnings else Markup()
    return tag("header", tag("h1", *words), tag("p", *facts), shown, _totals(report))


def _age_class(report: Report) -> str:
    if report.too_old:
        return "old"
    return "stale" if report.freshness is Freshness.STALE else "fresh"


def _status(report: Report) -> Markup:
    words = f"{report.status_words.capitalize()}."
    if report.partial:
        return tag("strong", words, class_="partial")
    return tag("span", words, class_="fresh" if report.meta.status else None)


def _totals(report: Report) -> Markup:
    totals, currency = report.totals, report.currency
    beta = wording.number(totals.beta_delta.amount, 1, sign=True)
    rows = [
        ("Net P/L", wording.money(totals.net_pl.amount, currency, sign=True), _of(totals.net_pl)),
        ("Beta delta", f"{beta} {report.thresholds.benchmark.symbol}", _of(totals.beta_delta)),
        (
            "Theta per day",
            wording.money(totals.theta.amount, currency, sign=True),
            _of(totals.theta),
        ),
        ("Net liquidity", wording.money(totals.net_liquidity, currency), ""),
        ("Buying power", wording.money(totals.buying_power, currency), ""),
    ]
    cells = [
        tag(
            "div",
            tag("dt", label),
            tag("dd", value),
            tag("dd", note, class_="note partial") if note else Markup(),
        )
        for label, value, note in rows
    ]
    return tag("dl", *cells, class_="totals")


def _of(sum_: Sum) -> str:
    part = wording.of(sum_.known, sum_.count)
    return f"{part} known" if part else ""


def _main(report: Report) -> Markup:
    rungs = ladder((entry.facts for entry in report.entries), market_day(report.now))
    return tag(
        "main",
        _section("Action required", report, report.actions, "Nothing needs action."),
        _section("No action", report, report.rest, ""),
        tag("section", profit_chart(report), ladder_chart(rungs)),
        _notes(report),
    )


def _section(heading: str, report: Report, entries: Sequence[Entry], nothing: str) -> Markup:
    if not entries:
        words = nothing if report.entries else "No positions: the account is empty."
        return tag("section", tag("h2", heading), tag("p", words)) if nothing else Markup()
    urgent = bool(entries[0].findings)
    columns = ("Action", *_COLUMNS[:-1], "Why", _COLUMNS[-1]) if urgent else _COLUMNS
    numbers = ("DTE", "P/L")
    heads = [
        tag("th", name, scope="col", class_="number" if name in numbers else None)
        for name in columns
    ]
    caption = f"{len(entries)} of {len(report.entries)} clusters"
    table = tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *heads)),
        tag("tbody", *(_row(report, entry) for entry in entries)),
    )
    region = tag("div", table, class_="scroll", role="region", aria_label=heading, tabindex="0")
    return tag("section", tag("h2", heading), region)


def _row(report: Report, entry: Entry) -> Markup:
    facts, finding = entry.facts, entry.finding
    first = (
        [tag("td", finding.action.value, class_=f"action {finding.action.value}")]
        if finding
        else []
    )
    cells = [
        tag("th", safe(facts.cluster.root), scope="row"),
        tag("td", title(facts)),
        tag("td", wording.dte(facts.dte), class_="number"),
        _profit(report, entry),
    ]
    why = [tag("td", _reasons(entry))] if finding else []
    words = [joined(tag("span", leg), " ") for leg in describe(facts.cluster.legs)]
    legs = tag("td", *words, class_="legs")
    return tag("tr", *first, *cells, *why, legs)


def _profit(report: Report, entry: Entry) -> Markup:
    sum_, currency = entry.facts.net_pl, entry.facts.currency or report.currency
    text = wording.money(sum_.amount, currency, sign=True)
    kind = "" if not sum_.amount else " gain" if sum_.amount > 0 else " loss"
    note = f" ({_of(sum_)})" if sum_.amount is not None and _of(sum_) else ""
    return tag("td", text + note, class_=f"number{kind}")


def _reasons(entry: Entry) -> Markup:
    rest: Iterable[Markup] = (
        tag("li", tag("span", f"also {f.action.value}: ", class_="quiet"), f.reason)
        for f in entry.findings[1:]
    )
    return tag("ul", tag("li", entry.findings[0].reason), *rest)


def _notes(report: Report) -> Markup:
    notes = [
        f"{silent.action.value} is silent for {silent.clusters} of {silent.of} clusters: it needs {silent.needs}."
        for silent in report.unavailable
    ]
    if report.net_liquidity_origin != BALANCES:
        amount = wording.money(report.net_liquidity, report.currency)
        notes.append(f"Losses are measured against {amount}, {report.net_liquidity_origin}.")
    if not notes:
        return Markup()
    return tag(
        "section", tag("h2", "What could not be judged"), tag("ul", *(tag("li", n) for n in notes))
    )


def _footer(report: Report) -> Markup:
    made = instant_text(report.now)
    words = f"Made {made} by variance-bridge, read-only, with the {report.thresholds.origin} thresholds. Positions: {report.age_limits}."
    return tag("footer", tag("p", joined(words)))
