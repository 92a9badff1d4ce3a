"""What became of a run, on the screen and as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from heapq import nsmallest
from typing import Any

from msgspec import Struct

from variance_bridge.formatting import money, plural
from variance_bridge_fleet.output_folder import Output
from variance_bridge_fleet.run_counts import STATUSES, Summary, batches_of, rows_of, summary

MAX_SHOWN = 20


class Reason(Struct, frozen=True, kw_only=True):
    """Why inputs did not end complete: how many for this reason, and the first of them."""

    count: int
    status: str
    reason: str
    first: str


class Report(Struct, frozen=True, kw_only=True):
    """All that is shown of a run.

    Attributes:
        summary: in numbers.
        repeated: how many accounts are in several inputs: each of these counts.
        reasons: the most frequent first, twenty at most.
        actions: how many strategies ask for each action, the most urgent first.
        worst: the twenty strategies that need action most: by urgency, then by loss.
    """

    summary: Summary
    repeated: int
    reasons: tuple[Reason, ...]
    actions: tuple[tuple[str, int], ...]
    worst: tuple[Mapping[str, Any], ...]


def report(output: Output) -> Report:
    """What became of a run; raises as `summary`."""
    order = _urgency()
    accounts = Counter(
        each for each in rows_of(output, "outcomes", "source", "account_hash") if None not in each
    )
    counted = Counter(action for (action,) in rows_of(output, "triage", "action") if action)
    return Report(
        summary=summary(output),
        repeated=sum(count > 1 for count in accounts.values()),
        reasons=tuple(_reasons(output)),
        actions=tuple(sorted(counted.items(), key=lambda each: order[each[0]])),
        worst=tuple(_worst(output, order)),
    )


def lines(shown: Report) -> Iterator[str]:
    """The report for a terminal."""
    found = shown.summary
    yield (
        f"{plural(found.inputs, 'input')}, {plural(found.accounts, 'account')},"
        f" {plural(found.positions, 'position')} in {found.seconds:.1f} s"
    )
    yield "  " + ", ".join(f"{getattr(found, status)} {status}" for status in STATUSES)
    if shown.repeated:
        yield repeated_words(shown)
    if shown.reasons:
        yield "Why not:"
    for each in shown.reasons:
        yield f"  {each.count} {each.status}: {each.reason} (first: {each.first})"
    if not shown.actions:
        unread = found.refused + found.failed
        yield "Nothing needs action" + (" in the accounts that were read." if unread else ".")
        return
    yield "Needs action: " + ", ".join(f"{count} {action}" for action, count in shown.actions)
    for row in shown.worst:
        yield (
            f"  {row['action']:12} {row['account_hash'] or '(no account)'} {row['root']}"
            f" {row['strategy']}: {row['reason']} (P/L {money(row['net_pl'], row['currency'])})"
        )


def page(shown: Report) -> bytes:
    """The same as one HTML page that needs nothing else; every text is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("variance_bridge_fleet", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["money"] = money
    environment.filters["repeated_words"] = repeated_words
    template = environment.get_template("report.html.j2")
    return template.render(report=shown, statuses=STATUSES).encode("utf-8")


def repeated_words(shown: Report) -> str:
    """What there is to say of accounts that are in several inputs."""
    verb = "is" if shown.repeated == 1 else "are"
    return f"{plural(shown.repeated, 'account')} {verb} in several inputs; the positions of each input are in the tables"


def _reasons(output: Output) -> Iterator[Reason]:
    counts: Counter[tuple[str, str]] = Counter()
    firsts: dict[tuple[str, str], str] = {}
    columns = ("status", "reason", "input_number", "input")
    for status, reason, number, shown in rows_of(output, "outcomes", *columns):
        if reason:
            counts[status, reason] += 1
            firsts.setdefault((status, reason), f"input {number}, {shown}")
    for (status, reason), count in counts.most_common(MAX_SHOWN):
        yield Reason(count=count, status=status, reason=reason, first=firsts[status, reason])


def _urgency() -> Mapping[str, int]:
    from variance_bridge_triage.rules.actions import Action

    return {action.value: place for place, action in enumerate(Action)}


def _worst(output: Output, order: Mapping[str, int]) -> list[dict[str, Any]]:
    """Of each batch of rows only its worst become objects of Python: a night has a million strategies."""
    candidates = (
        row
        for batch in batches_of(output, "triage")
        for row in batch.take(_first(batch, order)).to_pylist()
    )
    return nsmallest(
        MAX_SHOWN,
        candidates,
        key=lambda row: (order[row["action"]], row["net_pl"] is None, row["net_pl"] or 0),
    )


def _first(batch: Any, order: Mapping[str, int]) -> Any:
    """Where the worst rows of a batch are, in the order that the report has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    urgency = pc.index_in(batch["action"], value_set=pa.array(list(order)))
    keys = pa.table({"urgency": urgency, "net_pl": batch["net_pl"]})
    places = pc.sort_indices(keys, [("urgency", "ascending"), ("net_pl", "ascending")])
    asking = batch.num_rows - urgency.null_count
    return places[: min(asking, MAX_SHOWN)]
