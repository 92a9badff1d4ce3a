"""What a worker does with one input: sync it, judge it, and leave its parts in the output folder.

Everything here can be done twice: each file is replaced as a whole, and the outcome is written last.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import attrs

from variance_bridge import BridgeError, DataRefused, SyncRunning, load
from variance_bridge.commands import arrow_table, dumps
from variance_bridge.errors import ConfigurationError, UsageError
from variance_bridge.unattended import Failed, Synced, UnattendedSyncs, installation_mark
from variance_bridge_fleet.manifest import Input
from variance_bridge_fleet.output import Output, content_hash

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


@attrs.frozen(kw_only=True)
class Job:
    """One input, and all that a worker needs to know of the run. It holds no secret: a worker finds those by their names.

    Attributes:
        inputs: one file; or all profiles of one broker, so that its published rates hold for the whole fleet.
        out: the output folder.
        configuration: the file that `--config` named.
        now: the moment of the run, by which ages and expirations are judged.
        installed: what the worker must have installed, and the mark of its key.
    """

    inputs: tuple[Input, ...]
    out: Path
    configuration: Path | None
    now: datetime
    installed: Mapping[str, str]


class OtherVersions(Exception):
    """This worker has other versions, or another key, than the run. Says which."""


def do(job: Job) -> list[str]:
    """Do the inputs of a job that are not done, and say which; what became of them is in `work/`.

    Raises:
        OtherVersions: this worker would not give the same documents.
    """
    differing = differences(job.installed, _installed_once(job.configuration))
    if differing:
        raise OtherVersions("; ".join(differing))
    output = Output(job.out)
    return [_do(each, job, output) for each in job.inputs]


def installed(configuration: Path | None) -> dict[str, str]:
    """The versions of our distributions, and the mark of the key of account hashes."""
    return {**_versions(), "the installation's key": installation_mark(configuration)}


_installed_once = cache(installed)
"""Of this process: what is installed anew needs a worker that is started anew."""


@cache
def _versions() -> Mapping[str, str]:
    names = ((each.metadata["Name"], each.version) for each in distributions())
    return {name: version for name, version in names if name and name.startswith("variance-bridge")}


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


def _do(each: Input, job: Job, output: Output) -> str:
    if output.is_done(each.key, each.file, each.read_by):
        return each.key
    began = time.perf_counter()
    before = None if each.file is None else content_hash(each.file)
    parts: dict[str, int] = {}
    try:
        results = _synced(each, job, output)
        accounts, rows, clusters = _read_back(results, job)
        for table, found, kinds in (("positions", rows, None), ("triage", clusters, TRIAGE_KINDS)):
            if found:
                output.write(output.part(each.key, table), _as_arrow(found, kinds))
                parts[table] = len(found)
    except BridgeError as error:
        accounts, parts = [_lost(None, error, job)], {}
    except Exception as error:  # noqa: BLE001 - one input must never cost the others
        accounts = [_ended(None, None, "failed", exit=1, reason=type(error).__name__)]
        parts = {}
    seconds = str(round(time.perf_counter() - began, 6))
    outcome = {
        "input": each.shown,
        "sha256": before,
        "read_by": each.read_by,
        "accounts": [{**account, "seconds": seconds} for account in accounts],
        "parts": parts,
    }
    output.write(output.outcome_file(each.key), dumps(outcome, indent=None))
    return each.key


def _synced(each: Input, job: Job, output: Output) -> list[Synced | Failed]:
    for _try in range(_MAX_TRIES_OF_A_LOCK):
        try:
            return _syncs(job.configuration).sync(
                output.documents / f"{each.key}.json",
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
            accounts.append(_lost(result.account, result.error, job))
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
    from variance_bridge_triage.render.json_report import to_document
    from variance_bridge_triage.rules.report import triage

    found = to_document(triage(snapshot, _thresholds(job.configuration), job.now))
    for cluster in found["clusters"]:
        # Beside a document the account's currency goes without saying; in a table of many accounts it does not.
        currency = cluster["currency"] or found["meta"]["currency"]
        row = {**cluster, "source": snapshot.portfolio.meta.source, "currency": currency}
        yield {name: _exact(row[name], kind) for name, kind in TRIAGE_KINDS.items()}


def _exact(value: Any, kind: type[Any]) -> Any:
    return Decimal(value) if kind is Decimal and value is not None else value


@cache
def _thresholds(configuration: Path | None) -> Any:
    from variance_bridge_triage.rules.thresholds import thresholds

    return thresholds(_syncs(configuration).folder)


def _lost(account: str | None, error: BridgeError, job: Job) -> dict[str, Any]:
    """An account that could not be synced: refused for what it holds, or failed for what went wrong."""
    status = "refused" if isinstance(error, _REFUSED) else "failed"
    try:
        reason = _syncs(job.configuration).redact(error.what)
    except ConfigurationError:
        reason = error.what
    return _ended(None, account, status, exit=error.exit_code, reason=reason)


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
