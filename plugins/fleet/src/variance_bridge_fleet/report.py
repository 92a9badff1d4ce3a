"""What became of a run, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs

from variance_bridge import DataRefused
from variance_bridge.formatting import money, plural
from variance_bridge_fleet.output import Output

STATUSES = ("complete", "partial", "refused", "failed")
MAX_SHOWN = 20


@attrs.frozen(kw_only=True)
class Summary:
    """A run in numbers. `complete`, `partial`, `refused` and `failed` add up to `accounts`.

    Attributes:
        inputs: files and profiles of the manifest.
        accounts: rows of the outcomes: one an account, and one an input of which no account is known.
        seconds: how long the run took.
    """

    inputs: int
    accounts: int
    complete: int
    partial: int
    refused: int
    failed: int
    positions: int
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 when every input ended complete or partial, 6 when some were refused, else 5 when some failed."""
        return 6 if self.refused else 5 if self.failed else 0

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        from decimal import Decimal

        return {**attrs.asdict(self), "seconds": Decimal(str(self.seconds))}


def summary(output: Output) -> Summary:
    """The run in numbers.

    Raises:
        DataRefused: the folder holds no run that has ended.
    """
    outcomes = _table(output, "outcomes.parquet")
    statuses = Counter(outcomes["status"].to_pylist())
    run = output.run()
    return Summary(
        inputs=int(run.get("inputs", 0)),
        accounts=outcomes.num_rows,
        **{status: statuses[status] for status in STATUSES},
        positions=sum(outcomes["positions"].to_pylist()),
        seconds=float(run.get("seconds", 0)),
    )


def lines(output: Output) -> Iterator[str]:
    """The report: how many ended how, why not, and the strategies that need action most."""
    found = summary(output)
    yield (
        f"{plural(found.inputs, 'input')}, {plural(found.accounts, 'account')},"
        f" {plural(found.positions, 'position')} in {found.seconds:.1f} s"
    )
    yield "  " + ", ".join(f"{getattr(found, status)} {status}" for status in STATUSES)
    yield from _reasons(_table(output, "outcomes.parquet").to_pylist())
    yield from _worst(_table(output, "triage.parquet"))


def _reasons(outcomes: list[dict[str, Any]]) -> Iterator[str]:
    reasons = Counter((each["status"], each["reason"]) for each in outcomes if each["reason"])
    if reasons:
        yield "Why not:"
    for (status, reason), count in reasons.most_common(MAX_SHOWN):
        first = next(o for o in outcomes if (o["status"], o["reason"]) == (status, reason))
        place = f"input {first['input_number']}, {first['input']}"
        yield f"  {count} {status}: {reason} (first: {place})"


def _worst(table: Any) -> Iterator[str]:
    from variance_bridge_triage.rules.actions import Action

    order = {action.value: place for place, action in enumerate(Action)}
    actions = Counter(action for action in table["action"].to_pylist() if action)
    if not actions:
        yield "Nothing needs action."
        return
    counted = sorted(actions.items(), key=lambda each: order[each[0]])
    yield "Needs action: " + ", ".join(f"{count} {action}" for action, count in counted)
    import pyarrow.compute as pc

    asking = table.filter(pc.is_valid(table["action"])).to_pylist()
    asking.sort(key=lambda row: (order[row["action"]], row["net_pl"] is None, row["net_pl"] or 0))
    for row in asking[:MAX_SHOWN]:
        profit = money(row["net_pl"], row["currency"])
        yield (
            f"  {row['action']:12} {row['account_hash'] or '(no account)'} {row['root']}"
            f" {row['strategy']}: {row['reason']} (P/L {profit})"
        )


def _table(output: Output, name: str) -> Any:
    from pyarrow import parquet

    try:
        return parquet.read_table(output.folder / name)
    except (OSError, ValueError):
        raise DataRefused(
            "the folder holds no run that has ended",
            where=str(output.folder),
            hint="use `variance fleet run ... --resume` to end it",
        ) from None
