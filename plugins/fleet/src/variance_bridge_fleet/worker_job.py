"""What a worker does with a batch of inputs: sync and judge each, and leave outcomes and rows in the output folder.

Everything here can be done twice: each file is replaced as a whole, and the outcomes are written last.
"""

from __future__ import annotations

import errno
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from msgspec import Struct

from variance_bridge import BridgeError, DataRefused, SyncRunning, load
from variance_bridge.commands import arrow_table
from variance_bridge.errors import UsageError
from variance_bridge.unattended import Failed, Synced, UnattendedSyncs, installation_mark
from variance_bridge_fleet.manifest import Input
from variance_bridge_fleet.output_folder import Output, content_hash
from variance_bridge_fleet.worker_files import (
    TABLES,
    Outcome,
    batch_file,
    read_batch,
    write,
    write_batch,
)

TRIAGE_KINDS: Mapping[str, type[Any]] = {
    "source": str,
    "account_hash": str,
    "root": str,
    "strategy": str,
    "action": str,
    "reason": str,
    "net_pl": Decimal,
    "net_cost": Decimal,
    "currency": str,
    "dte": int,
    "expiration": str,
    "expired": bool,
    "units": Decimal,
    "delta": Decimal,
    "beta_delta": Decimal,
    "theta_per_day": Decimal,
    "pl_fraction": Decimal,
    "underlying_price": Decimal,
}
"""The columns of `triage.parquet`, one row a cluster."""

_REFUSED = (DataRefused, UsageError)
_MAX_TRIES_OF_A_LOCK = 20
_SECONDS_BETWEEN = 0.25


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""What no input is to blame for: the output folder takes nothing more."""
_THIS_PROCESS = uuid.uuid4().hex


class Job(Struct, frozen=True, kw_only=True):
    """Some inputs, and all that a worker needs to know of the run. It holds no secret: a worker finds those by their names.

    Attributes:
        inputs: a batch of files; or profiles of one broker, one after the other.
        broker: of the profiles; None of files, and where the configuration names none.
        round: in which the outcomes are written.
        out: the output folder.
        configuration: the file that `--config` named.
        now: the moment of the run, by which ages and expirations are judged.
        installed: what the worker must have installed, and the mark of its key.
    """

    inputs: tuple[Input, ...]
    broker: str | None = None
    round: int
    out: Path
    configuration: Path | None
    now: datetime
    installed: Mapping[str, str]


class OtherVersions(Exception):
    """This worker has other versions, or another key, than the run. Says which."""


class _Done(Struct):
    """What came of one input: its outcome, and its rows for each table."""

    outcome: Outcome
    rows: Mapping[str, list[dict[str, Any]]]


def do(job: Job) -> None:
    """Do the inputs of a job; what became of them is in `work/`.

    Raises:
        OtherVersions: this worker would not give the same documents.
        DataRefused: the output folder takes nothing more.
    """
    differing = differences(job.installed, _installed_once(job.configuration))
    if differing:
        raise OtherVersions("; ".join(differing))
    if job.inputs[0].profile is None:
        _do_together(job.inputs, job)
        return
    _await_rates(job)
    for each in job.inputs:
        _do_together([each], job)


def _do_together(inputs: Sequence[Input], job: Job) -> None:
    """Do a batch, unless that was done in this round already."""
    folder = Output(job.out).work
    if read_batch(batch_file(folder, job.round, [each.key for each in inputs])) is not None:
        return
    done = [_do(each, job) for each in inputs]
    try:
        tables = _tables(done)
    except Exception as error:  # noqa: BLE001 - one input must never cost the others
        if len(inputs) > 1:  # the rows of one of them fit no table, and it fails alone
            for each in inputs:
                _do_together([each], job)
            return
        lost = _lost_to(error)
        done, tables = [_done(inputs[0], done[0].outcome.sha256, [lost], "0")], {}
    write_batch(folder, job.round, [each.outcome for each in done], tables)


def _tables(done: Sequence[_Done]) -> dict[str, bytes]:
    """The rows of a batch for each table that has some."""
    gathered = {table: [row for each in done for row in each.rows[table]] for table in TABLES}
    kinds = {"positions": None, "triage": TRIAGE_KINDS}
    return {table: _as_arrow(rows, kinds[table]) for table, rows in gathered.items() if rows}


def _await_rates(job: Job) -> None:
    """Let the longest window of the broker's rates pass where another process asked before, perhaps a moment ago."""
    syncs = _syncs(job.configuration)
    window = 0.0 if job.broker is None else syncs.longest_window(job.broker)
    if not window:
        return
    mark = Output(job.out).work / f"{job.broker}.asked"
    try:
        last = mark.read_text()
    except OSError:
        last = _THIS_PROCESS
    if last != _THIS_PROCESS:
        time.sleep(window)
    write(mark, _THIS_PROCESS.encode())


def installed(configuration: Path | None) -> dict[str, str]:
    """The versions of our distributions, and the mark of the key of account hashes."""
    return {**_versions(), "the installation's key": installation_mark(configuration)}


_installed_once = cache(installed)
"""Of this process: what is installed anew needs a worker that is started anew."""


@cache
def _versions() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for each in filter(_is_ours_or_a_plugin, distributions()):
        found.setdefault(each.name, each.version)  # of two, Python imports the first
    return found


def _is_ours_or_a_plugin(distribution: Distribution) -> bool:
    if (distribution.name or "").startswith("variance-bridge"):
        return True
    groups = (each.group.partition(".")[0] for each in distribution.entry_points)
    return "variance_bridge" in groups


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """What differs, both named."""
    return [
        f"{name}: {wanted.get(name, 'none')} here, {found.get(name, 'none')} there"
        for name in sorted({*wanted, *found})
        if wanted.get(name) != found.get(name)
    ]


@cache
def _syncs(configuration: Path | None) -> UnattendedSyncs:
    """Those of this process: the configuration is read once, and a broker's rates are shared."""
    return UnattendedSyncs(configuration, lambda _warning: None)


def _do(each: Input, job: Job) -> _Done:
    began = time.perf_counter()
    before = None if each.file is None else content_hash(each.file)
    rows: dict[str, list[dict[str, Any]]] = {}
    try:
        results = _synced(each, job)
        accounts, rows["positions"], rows["triage"] = _read_back(results, job)
    except Exception as error:  # noqa: BLE001 - one input must never cost the others
        accounts, rows = [_lost_to(error)], {}
    return _done(each, before, accounts, str(round(time.perf_counter() - began, 6)), rows)


def _done(
    each: Input,
    sha256: str | None,
    accounts: list[dict[str, Any]],
    seconds: str,
    rows: Mapping[str, list[dict[str, Any]]] | None = None,
) -> _Done:
    found = {table: (rows or {}).get(table, []) for table in TABLES}
    outcome = Outcome(
        key=each.key,
        shown=each.shown,
        sha256=sha256,
        read_by=each.read_by,
        accounts=[{**account, "seconds": seconds} for account in accounts],
        rows={table: len(of_table) for table, of_table in found.items()},
    )
    return _Done(outcome, found)


def killed(each: Input) -> Outcome:
    """The outcome of an input whose worker did not survive it."""
    reason = "the worker died every time it read this"
    account = _ended(None, None, "failed", exit=5, reason=reason)
    return _done(each, None, [account], "0").outcome


def _synced(each: Input, job: Job) -> list[Synced | Failed]:
    for _try in range(_MAX_TRIES_OF_A_LOCK):
        try:
            return _syncs(job.configuration).sync(
                Output(job.out).documents / f"{each.key}.json",
                broker=each.broker,
                profile=each.profile,
                input_file=each.file,
                settings=each.settings,
            )
        except SyncRunning:  # a worker that was given up still writes the same documents
            time.sleep(_SECONDS_BETWEEN)
    raise SyncRunning("another worker holds the document")


def _read_back(
    results: list[Synced | Failed], job: Job
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Outcomes, positions and strategies of the accounts of one input."""
    accounts, rows, clusters = [], [], []
    for result in results:
        if isinstance(result, Failed):
            accounts.append(_lost(result.account, result.error))
            continue
        meta = result.portfolio.meta
        snapshot = load(result.path, job.now, any_age=True)
        rows += snapshot.rows()
        clusters += list(_clusters(snapshot, job))
        accounts.append(
            _ended(
                meta.source,
                meta.account_hash,
                "partial" if meta.rejected else str(meta.status or "complete"),
                positions=len(result.portfolio.positions),
                rejected=len(meta.rejected),
            )
        )
    return accounts, rows, clusters


def _clusters(snapshot: Any, job: Job) -> Iterator[dict[str, Any]]:
    from variance_bridge_triage.render.json_report import clusters_document
    from variance_bridge_triage.rules.report import triage

    report = triage(snapshot, _thresholds(job.configuration), job.now)
    for cluster in clusters_document(report):
        # Beside a document the account's currency goes without saying; in a table of many accounts it does not.
        currency = cluster["currency"] or report.currency
        row = {**cluster, "source": report.meta.source, "currency": currency}
        yield {name: _exact(row[name], kind) for name, kind in TRIAGE_KINDS.items()}


def _exact(value: Any, kind: type[Any]) -> Any:
    return Decimal(value) if kind is Decimal and value is not None else value


@cache
def _thresholds(configuration: Path | None) -> Any:
    from variance_bridge_triage.rules.thresholds import thresholds

    return thresholds(_syncs(configuration).folder)


def _lost_to(error: Exception) -> dict[str, Any]:
    """An input of which no account is known.

    Raises:
        DataRefused: the output folder takes nothing more.
    """
    if isinstance(error, BridgeError):
        return _lost(None, error)
    return _ended(None, None, "failed", exit=1, reason=type(error).__name__)


def _lost(account: str | None, error: BridgeError) -> dict[str, Any]:
    """An account that could not be synced: refused for what it holds, or failed for what went wrong; raises as `_lost_to`."""
    if _is_full(error):
        raise error
    status = "refused" if isinstance(error, _REFUSED) else "failed"
    return _ended(None, account, status, exit=error.exit_code, reason=error.what)


def _is_full(error: BaseException) -> bool:
    """Whether a full or read-only file system is behind an error."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, OSError) and behind.errno in _FULL:
            return True
        behind = behind.__cause__ or behind.__context__
    return False


def _ended(
    source: str | None,
    account: str | None,
    status: str,
    *,
    positions: int = 0,
    rejected: int = 0,
    exit: int = 0,  # noqa: A002 - the name of the column
    reason: str | None = None,
) -> dict[str, Any]:
    return {
        "source": source,
        "account_hash": account or None,
        "status": status,
        "positions": positions,
        "rejected": rejected,
        "exit": exit,
        "reason": reason,
    }


def _as_arrow(rows: list[dict[str, Any]], kinds: Mapping[str, type[Any]] | None) -> bytes:
    import pyarrow as pa

    table = arrow_table(rows, kinds)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    written: bytes = sink.getvalue().to_pybytes()
    return written
