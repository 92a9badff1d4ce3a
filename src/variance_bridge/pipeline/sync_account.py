"""One account of a sync: fetched, completed with quotes, judged beside the old file, sealed, checked and published.

Nothing is written before everything has been checked.
"""

from __future__ import annotations

import attrs
from msgspec import structs

from variance_bridge.broker import Account, Capability
from variance_bridge.document.check import refuse
from variance_bridge.document.rules.rule_context import limits
from variance_bridge.document.schema import prepare_schema
from variance_bridge.errors import DataRefused, OlderPositions
from variance_bridge.formatting import plural
from variance_bridge.minor_units import money_unit
from variance_bridge.model import Caution, Environment, Flag, Portfolio, Status
from variance_bridge.personal_values import PersonalValues
from variance_bridge.pipeline.contradictory_rows import Settled, settle
from variance_bridge.pipeline.overwrite import Judgement, Verdict, judge_overwrite
from variance_bridge.pipeline.personal_data import seal, suspected, vocabulary
from variance_bridge.pipeline.previous_document import PreviousDocument
from variance_bridge.pipeline.run import BrokerRun, fetch_quotes
from variance_bridge.pipeline.sync_records import NO_QUOTES, Progress, Synced, SyncRequest
from variance_bridge.storage.lock import OutputLock
from variance_bridge.storage.replace import publish
from variance_bridge.symbology import instrument_type_of, parse

REFUSED_WHEN_STRICT = frozenset(
    {
        Caution.MULTIPLIER_UNKNOWN,
        Caution.COST_CONTRADICTED,
        Caution.VALUE_CONTRADICTED,
        Caution.QUOTE_CONTRADICTED,
        Caution.POSITION_REPEATED,
        Caution.NUMBER_UNREADABLE,
        Caution.DATE_UNREADABLE,
        Caution.TYPE_UNKNOWN,
        Caution.SIGN_UNCONFIRMED,
        Caution.BALANCES_DISAGREE,
        Caution.BALANCES_MISSING,
        Caution.TOTAL_DISAGREES,
        Caution.POSSIBLY_TRUNCATED,
    }
)
"""Cautions that say that a number may be wrong or absent, as opposed to merely old or of a certain kind."""


def prepare() -> None:
    """Load what is needed whatever the broker will answer: this module, and the tables that are read at their first use."""
    prepare_schema()
    limits()
    vocabulary()
    money_unit("USD")
    parse("SPY", instrument_type=instrument_type_of("stock"))


def sync_account(
    run: BrokerRun,
    account: Account,
    previous: PreviousDocument,
    lock: OutputLock | None,
    request: SyncRequest,
    tell: Progress,
) -> Synced:
    """Sync one account.

    Args:
        run: of its broker.
        account: to sync.
        previous: the document that its own takes the place of.
        lock: of the file; None in a dry run.
        request: what the user asked for.
        tell: is told of each stage.

    Raises:
        BridgeError: as `pipeline.sync.sync`.
    """
    tell.stage("fetch", run.account_hash(account) or "")
    settled = settle(_finished(run, account, request, tell))
    portfolio = settled.portfolio
    path = previous.path
    tell.stage("check", str(path))
    if request.strict:
        _refuse_cautions(portfolio)
    _judge(run, account, portfolio, previous, request)
    _seal(settled, run.context.personal)
    refuse(settled.violations)
    if lock is not None:
        tell.stage("publish", str(path))
        publish(
            path,
            settled.draft.text,
            lock=lock,
            keep_previous=previous.is_worth_keeping,
            previous=previous.content,
        )
    return Synced(
        path=path,
        portfolio=portfolio,
        draft=settled.draft,
        published=lock is not None,
        note=None if portfolio.positions else _why_empty(portfolio, run.spec.capabilities),
        positions_before=_complete_before(portfolio, previous),
    )


def _seal(settled: Settled, personal: PersonalValues) -> None:
    """`seal`, for which the document is only made again where it may hold something."""
    if suspected(personal, settled.draft.words):
        seal(settled.document, personal)


def _complete_before(new: Portfolio, previous: PreviousDocument) -> int | None:
    old = previous.outline
    if new.meta.status is not Status.PARTIAL or old is None or old.meta.status is Status.PARTIAL:
        return None
    return len(old.positions)


def _finished(run: BrokerRun, account: Account, request: SyncRequest, tell: Progress) -> Portfolio:
    """The portfolio as it would be published: enriched, with the routes of its requests."""
    portfolio = _with_quotes(run, run.portfolio(account), request, tell)
    via = tuple(sorted(run.broker_context.session.routes))
    return attrs.evolve(portfolio, meta=structs.replace(portfolio.meta, via=via))


def _with_quotes(
    run: BrokerRun, portfolio: Portfolio, request: SyncRequest, tell: Progress
) -> Portfolio:
    name = quote_source_of(run, request)
    if name is None or not portfolio.positions:
        return portfolio
    # Imported here: without quotes there is nothing to add to, or to compare.
    from variance_bridge.pipeline.enrich import enrich
    from variance_bridge.pipeline.quotes_against_balances import contradiction
    from variance_bridge.pipeline.usable_quotes import stale_after

    tell.stage("quotes", "")
    snapshot = fetch_quotes(run, name, portfolio)
    if not snapshot.available:
        run.context.warn(
            f"the source of quotes `{name}` has no market data here;"
            " prices are those that the broker gave with the positions, if any"
        )
    enriched = enrich(
        portfolio, snapshot, now=run.context.clock.now(), source=name, stale_after=stale_after()
    )
    doubt = contradiction(portfolio, enriched)
    if doubt is None:
        return enriched
    run.context.warn(doubt)
    flags = (*enriched.meta.flags, Flag(caution=Caution.BALANCES_DISAGREE))
    meta = structs.replace(enriched.meta, flags=tuple(dict.fromkeys(flags)))
    return attrs.evolve(enriched, meta=meta)


def quote_source_of(run: BrokerRun, request: SyncRequest) -> str | None:
    """Flag, environment, profile, the broker's table, the file's top, the broker's own: the first that says one."""
    configuration = run.context.configuration
    stated = configuration.top("quotes", request.quotes)
    if stated.origin in {"file", "default"}:
        table = configuration.broker_table(run.spec.name)
        chosen = run.profile.quotes or table.quotes or stated.value or run.spec.quotes
    else:
        chosen = stated.value
    return None if chosen in {None, NO_QUOTES} else str(chosen)


def _refuse_cautions(portfolio: Portfolio) -> None:
    meta = portfolio.meta
    words = sorted(
        {flag.caution.value for flag in meta.flags if flag.caution in REFUSED_WHEN_STRICT}
    )
    if meta.rejected:
        words.insert(0, plural(len(meta.rejected), "rejected row"))
    if words:
        raise DataRefused(
            f"refused because of --strict: {', '.join(words)}", hint="nothing was written"
        )


def _judge(
    run: BrokerRun,
    account: Account,
    new: Portfolio,
    previous: PreviousDocument,
    request: SyncRequest,
) -> None:
    """Hold the new portfolio against the file that it would replace; a great loss of rows is looked at twice.

    Raises:
        DataRefused: the replacement is not believable.
    """

    def judge(confirmation: Portfolio | None) -> Judgement:
        return judge_overwrite(
            previous.outline,
            new,
            allow_empty=request.allow_empty,
            confirmation=confirmation,
            now=run.context.clock.now(),
            old_unreadable=previous.unreadable,
            from_file=Capability.READS_FILES in run.spec.capabilities,
            names_account=bool(account.number),
        )

    judgement = judge(None)
    if judgement.verdict is Verdict.CONFIRM:
        judgement = judge(settle(run.portfolio(account)).portfolio)
    for warning in judgement.warnings:
        run.context.warn(warning)
    if judgement.verdict is not Verdict.ACCEPT:
        refused = OlderPositions if judgement.is_older else DataRefused
        raise refused(judgement.reason, where=str(previous.path), hint=judgement.hint)


def _why_empty(portfolio: Portfolio, capabilities: frozenset[Capability | str]) -> str:
    """An empty answer is explained, so that nobody takes it for a failure, or a failure for it."""
    counts, world = portfolio.meta.counts, portfolio.meta.environment
    closed = counts.closed if counts else 0
    if closed:
        return f"the broker lists {plural(closed, 'closed position')} and no open one"
    if world is Environment.SANDBOX:
        return "the sandbox account holds nothing (a sandbox forgets its positions every day)"
    if Capability.READS_FILES in capabilities:
        return "the file lists no position"
    return "the broker answered, and the account holds nothing"
