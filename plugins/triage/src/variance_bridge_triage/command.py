"""`variance triage`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from variance_bridge import Snapshot
    from variance_bridge.commands import Converted, Invocation
    from variance_bridge_triage.render.page.worth_line import PastWorth
    from variance_bridge_triage.rules.actions import Action
    from variance_bridge_triage.rules.book import JudgedBook
    from variance_bridge_triage.rules.new_actions import News


NEEDS_ACTION = 9
ANY = "any"


def _offered_actions(incomplete: str) -> list[str]:
    """What the tab key offers behind `--fail-on`: the actions that are not listed yet, behind those that are."""
    from variance_bridge_triage.rules.actions import Action

    *listed, typed = incomplete.split(",")
    before = "".join(f"{each}," for each in listed)
    words = [*Action, *([] if listed else [ANY])]
    return [
        f"{before}{word}"
        for word in words
        if word not in listed and word.casefold().startswith(typed.casefold())
    ]


@click.command(
    "triage",
    epilog="\b\nExamples:\n  variance triage --html page.html\n  variance triage one.json two.csv\n  variance triage --fail-on EXPIRING,DEFENSE || echo look",
)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path),
    help="Write one self-contained HTML page instead of the dashboard.",
)
@click.option(
    "--thresholds",
    "thresholds_file",
    type=click.Path(path_type=Path),
    help="TOML file of thresholds; triage.toml of the configuration folder by default.",
)
@click.option(
    "--account", metavar="HASH", help="Only this account: its label or hash, or the start of it."
)
@click.option("--any-age", is_flag=True, help="Judge positions of any age.")
@click.option(
    "--currency",
    metavar="EUR",
    help="Also show totals in this currency (see `variance fx`).",
)
@click.option("--partial", is_flag=True, help="Exit 0 even if one of several files cannot be read.")
@click.option(
    "--fail-on",
    metavar="ACTION,...|any",
    shell_complete=lambda _ctx, _parameter, incomplete: _offered_actions(incomplete),
    help="Exit 9 if one of these actions is found, such as EXPIRING,DEFENSE.",
)
@click.option(
    "--changed-only",
    is_flag=True,
    help="Only what needs action now and did not in the previous document of the history.",
)
@click.pass_obj
def command(
    invocation: Invocation,
    files: tuple[Path, ...],
    *,
    as_json: bool,
    html_file: Path | None,
    thresholds_file: Path | None,
    account: str | None,
    any_age: bool,
    currency: str | None,
    partial: bool,
    fail_on: str | None,
    changed_only: bool,
) -> int:
    """Group legs into strategies and say which of them need action.

    FILES are positions files (`.json`) or exports of brokers (`.csv`); without one, the positions files of
    all accounts. Several are judged together: each account by itself, with profits
    by currency.
    """
    from variance_bridge_triage.rules.book import judge_book
    from variance_bridge_triage.rules.thresholds import thresholds

    wanted = _actions(fail_on)
    book = invocation.book(
        files, account=account, any_age=any_age, may_be_unread=as_json or partial
    )
    judged = judge_book(
        book,
        thresholds(invocation.folder, thresholds_file),
        invocation.clock.now(),
        invocation.account_labels(each.account_hash for each in book.sources),
    )
    converted = None
    if currency is not None:
        portfolios = [each.portfolio for each in judged.book.snapshots]
        converted = invocation.in_currency(judged.sums, currency, portfolios=portfolios)
    news = _news(invocation, judged) if changed_only else None
    if html_file is not None:
        _write(judged, converted, _past(invocation, judged), html_file)
    if as_json:
        from variance_bridge.commands import dumps
        from variance_bridge_triage.render.json_report import book_document

        click.echo(dumps(book_document(judged, converted, news)), nl=False)
    elif html_file is None and news is not None:
        _show_news(news)
    elif html_file is None:
        _show(judged, converted)
    if judged.book.exit_code and not partial:
        return judged.book.exit_code
    found = judged.actions if news is None else {each.finding.action for each in news}
    return NEEDS_ACTION if wanted & found else 0


def _news(invocation: Invocation, judged: JudgedBook) -> tuple[News, ...]:
    """What is new since the documents before, which the history keeps.

    Raises:
        ConfigurationError: the history is not installed.
    """
    from variance_bridge_triage.rules.new_actions import news_of

    try:
        from variance_bridge_history.earlier_documents import previous_snapshot
    except ImportError:
        from variance_bridge import ConfigurationError

        raise ConfigurationError(
            "`--changed-only` needs the history",
            hint="install variance-bridge-history, and run `variance history enable`",
        ) from None

    def previous(snapshot: Snapshot) -> Snapshot | None:
        before = previous_snapshot(snapshot)
        if before is None:
            account = snapshot.portfolio.meta.account_hash or snapshot.portfolio.meta.source
            invocation.warn(f"{account}: the history holds no earlier document: everything is new")
        return before

    return news_of(judged, previous)


def _show_news(news: Sequence[News]) -> None:
    from variance_bridge.formatting import printable

    for each in news:
        cluster = each.entry.facts.cluster
        account = each.report.label or each.report.meta.account_hash or each.report.meta.source
        line = f"{each.finding.action.value}  {account}  {cluster.root}  {cluster.strategy}: {each.finding.reason}"
        click.echo(printable(line))
    if not news:
        click.echo("Nothing new needs action.")


def _actions(text: str | None) -> frozenset[Action]:
    """The actions that `--fail-on` names.

    Raises:
        UsageError: a word is not an action.
    """
    from variance_bridge.formatting import did_you_mean, printable
    from variance_bridge_triage.rules.actions import Action

    if text is None:
        return frozenset()
    if text.strip().casefold() == ANY:
        return frozenset(Action)
    known = {action.value: action for action in Action}
    words = [word.strip().upper() for word in text.split(",") if word.strip()]
    if not words:  # a variable of a script that is not set must not mean "never fail"
        raise click.UsageError(f"`--fail-on` names no action (known: {', '.join(known)}, {ANY})")
    for word in words:
        if word not in known:
            near = did_you_mean(word, known) or f" (known: {', '.join(known)}, {ANY})"
            raise click.UsageError(f"`--fail-on`: unknown action {printable(word, limit=40)}{near}")
    return frozenset(known[word] for word in words)


def _past(invocation: Invocation, judged: JudgedBook) -> dict[str | None, list[PastWorth]]:
    """What the accounts were worth before, by their hashes. Nothing where the history is not installed; its trouble is a warning."""
    from variance_bridge import BridgeError
    from variance_bridge_triage.render.page.worth_line import PastWorth

    try:
        from variance_bridge_history.earlier_documents import entries_until
    except ImportError:
        return {}
    found: dict[str | None, list[PastWorth]] = {}
    for each in judged.judged:
        if each.report is None or each.source.snapshot is None:
            continue
        try:
            entries = entries_until(each.source.snapshot)
        except BridgeError as error:
            invocation.warn(f"the page has no line of net liquidity: {error}")
            continue
        found[each.report.meta.account_hash] = [
            PastWorth(
                moment=entry.fetched_at,
                amount=entry.net_liquidating_value,
                currency=entry.currency,
                profit=entry.unrealized_pl,
            )
            for entry in entries
        ]
    return found


def _write(
    judged: JudgedBook,
    converted: Converted | None,
    past: Mapping[str | None, Sequence[PastWorth]],
    file: Path,
) -> None:
    from variance_bridge.errors import DataRefused
    from variance_bridge.files import write_file
    from variance_bridge.formatting import printable
    from variance_bridge_triage.render.page.html_page import page

    if not judged.reports:
        raise DataRefused("no file could be read, so no page was written", where=str(file))
    several = judged if len(judged.judged) > 1 or converted is not None else None
    hint = "choose another place with `--html FILE`"
    write_file(
        file,
        page(*judged.reports, book=several, converted=converted, past=past),
        title="the page",
        hint=hint,
    )
    click.echo(printable(f"Wrote {file.absolute()}"), err=True)


def _show(judged: JudgedBook, converted: Converted | None) -> None:
    from rich.console import Console

    from variance_bridge_triage.render.terminal.book_totals import show_totals
    from variance_bridge_triage.render.terminal.dashboard import show

    console = Console(emoji=False, highlight=False, markup=False)
    if len(judged.judged) > 1 or converted is not None or not judged.reports:
        show_totals(judged, converted, console)
    if judged.reports:
        show(judged.reports, console)
