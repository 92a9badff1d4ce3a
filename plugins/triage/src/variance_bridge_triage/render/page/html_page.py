"""The report as one self-contained HTML page: nothing for the browser to load, and no script but the one that sorts tables.

`page.html.j2` is the page, `page.css` its style and `page.js` the sorting; all can be edited without touching Python. This
module gives the template its words: each number through the formatter of the core, each text of a file without control
characters.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from variance_bridge import formatting
from variance_bridge.formatting import printable
from variance_bridge.money import Sum
from variance_bridge.trading_hours import EXCHANGE_TIME
from variance_bridge_triage.render import legs
from variance_bridge_triage.render.page.charts import charts
from variance_bridge_triage.render.page.worth_line import PastWorth, worth_line
from variance_bridge_triage.render.summary import (
    counted,
    day_profits,
    is_weighted,
    notes,
    numbers_in_doubt,
    profits_in_doubt,
    shared_lacks,
    unread_rows,
    used,
)
from variance_bridge_triage.rules.actions import Action
from variance_bridge_triage.rules.book import JudgedBook
from variance_bridge_triage.rules.delta_text import delta_words
from variance_bridge_triage.rules.metrics import NOTHING
from variance_bridge_triage.rules.report import Report

if TYPE_CHECKING:
    from variance_bridge.commands import Converted

NO_PAST: Mapping[str | None, Sequence[PastWorth]] = {}


def page(
    *reports: Report,
    book: JudgedBook | None = None,
    converted: Converted | None = None,
    past: Mapping[str | None, Sequence[PastWorth]] = NO_PAST,
) -> bytes:
    """The page, UTF-8.

    Args:
        reports: of one account, or of several, one below the other; at least one.
        book: what several reports are of: its totals stand above them, and what of it does not count is named.
        converted: its totals in one currency, where one was asked for.
        past: what the accounts were worth before, by their hashes, where a history is kept.
    """
    style, script = _shipped("page.css"), _shipped("page.js")
    first = reports[0]
    name = "all accounts" if book else legs.one_line(first.meta.source)
    as_of = _new_york(first.now if book else first.meta.fetched_at)
    totals = book.sums if book else {}
    text = _environment().from_string(_shipped("page.html.j2")).render(
        reports=reports,
        worth_lines=[worth_line(each, past.get(each.meta.account_hash, ())) for each in reports],
        heading="Portfolio: all accounts" if book else "Portfolio",
        title=f"Portfolio – {name}, {legs.day(as_of.date()).strip()}",
        headline=book.headline if book else "",
        left_out=book.book.warnings if book else [],
        profits={each: sums["net_pl"] for each, sums in totals.items()},
        worths={each: sums["net_liquidity"] for each, sums in totals.items() if sums["net_liquidity"].count},
        converted=converted,
        made_at=_new_york(first.now),
        origin=first.thresholds.origin,
        age_limits=first.age_limits,
        style=Markup(style),  # noqa: S704 - our own file; entities mean nothing inside <style>
        script=Markup(script),  # noqa: S704 - our own file, allowed by its hash
        policy=_policy(style, script),
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
        "delta_words": delta_words,
        "is_weighted": is_weighted,
        "unread_rows": unread_rows,
        "numbers_in_doubt": numbers_in_doubt,
        "profits_in_doubt": profits_in_doubt,
        "percent": formatting.percent,
        "price": formatting.price,
        "shown_price": legs.shown_price,
        "of": legs.of,
        "telling": legs.telling,
        "is_part": legs.is_part,
        "day": legs.day,
        "dte": legs.dte,
        "one_line": legs.one_line,
        "title_of": legs.title,
        "legs": legs.describe,
        "urgency": list(Action).index,
        "new_york": _new_york,
        "name": _name,
        "charts": charts,
        "notes": notes,
        "commands": _commands,
        "counted": counted,
        "day_profits": day_profits,
        "profits": _profits,
        "thetas": _thetas,
        "shared_lacks": shared_lacks,
        "sign": _sign,
        "used": used,
    }
    return environment


def _name(report: Report) -> str:
    """The account in the list of accounts: its source, and what the user calls it, or its hash."""
    return " ".join(filter(None, (report.meta.source, report.label or report.meta.account_hash)))


def _commands(text: str) -> Markup:
    """A sentence with what stands between backticks as code, as it would be typed."""
    parts = printable(text).split("`")
    if len(parts) % 2 == 0:  # one without its other half is only a character
        return escape(printable(text))
    marked = (_code(part) if at % 2 else escape(part) for at, part in enumerate(parts))
    return Markup("").join(marked)


def _code(command: str) -> Markup:
    """A command whose words are not broken: `--quotes` is one word to who types it, and two to a browser."""
    words = (
        Markup("<span>{}</span>").format(word) if word.startswith("-") else escape(word)
        for word in command.split(" ")
    )
    return Markup("<code>{}</code>").format(Markup(" ").join(words))


def _new_york(moment: datetime) -> datetime:
    return moment.astimezone(EXCHANGE_TIME)


def _profits(report: Report) -> Mapping[str | None, Sum]:
    listed = report.totals.by_currency or {report.currency: NOTHING}
    return {currency: amounts.net_pl for currency, amounts in listed.items()}


def _thetas(report: Report) -> Mapping[str | None, Sum]:
    listed = report.totals.by_currency or {report.currency: NOTHING}
    return {currency: amounts.theta for currency, amounts in listed.items()}


def _sign(amount: Decimal | None) -> str:
    """The class of an amount that is gained or lost."""
    return "gain" if amount and amount > 0 else "loss" if amount else ""


def _shown(value: Any) -> Any:
    """What the template prints: control and bidirectional characters of texts become `?`."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return printable(value)


def _shipped(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing may be loaded; the style sheet and the script are allowed by their hashes (CSP level 3), and no other."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}';"
        " base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
