"""The report as one self-contained HTML page: no script, no network, nothing for the browser to load.

`page.html.j2` is the page and `page.css` its style; both can be edited without touching Python. This module gives the
template its words: each number through the formatter of the core, each text of a file without control characters.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from variance_bridge import formatting
from variance_bridge.commands import instant_text
from variance_bridge.exchange import EXCHANGE_TIME, exchange_date
from variance_bridge.formatting import printable
from variance_bridge_triage.render import charts, legs
from variance_bridge_triage.rules.metrics import NOTHING
from variance_bridge_triage.rules.report import BALANCES, Report


def page(report: Report) -> bytes:
    """The page, UTF-8."""
    style = _shipped("page.css")
    rungs = legs.ladder((entry.facts for entry in report.entries), exchange_date(report.now))
    text = _environment().from_string(_shipped("page.html.j2")).render(
        report=report,
        amounts_by_currency=list((report.totals.by_currency or {report.currency: NOTHING}).items()),
        fetched_at=report.meta.fetched_at.astimezone(EXCHANGE_TIME),
        made_at=instant_text(report.now),
        measured_by_balances=report.net_liquidity_origin == BALANCES,
        charts=[*charts.profit_charts(report), charts.ladder_chart(rungs)],
        style=Markup(style),  # noqa: S704 - our own file; entities mean nothing inside <style>
        policy=_policy(style),
    )  # fmt: skip
    return text.encode()


def _environment() -> Environment:
    """Everything that a template prints is escaped; an unknown name is an error, not a blank."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # The built-in filter `safe` would turn the escaping off.
    del environment.filters["safe"]
    environment.filters |= {
        "money": formatting.money,
        "number": formatting.number,
        "of": legs.of,
        "day": legs.day,
        "dte": legs.dte,
        "one_line": legs.one_line,
        "title_of": legs.title,
        "legs": legs.describe,
    }
    return environment


def _shown(value: Any) -> Any:
    """What the template prints: control and bidirectional characters of texts become `?`."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return printable(value)


def _shipped(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(style: str) -> str:
    """Nothing may be loaded or run; the style sheet is allowed by its hash (CSP level 3)."""
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
